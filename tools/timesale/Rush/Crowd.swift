import Synchronization
import TimesaleClient

/// The buyers: a task for each that is at the counter, spread over the clients.
struct Crowd {
    let plan: RushPlan
    let clients: [TimesaleClient]
    /// One for each client, whose buyers all run on its own thread.
    let tallies: [Tally]
    let begin: ContinuousClock.Instant

    init(_ plan: RushPlan, _ clients: [TimesaleClient]) {
        let begin = ContinuousClock.now
        self.plan = plan
        self.clients = clients
        self.begin = begin
        tallies = clients.map { _ in Tally(begin: begin) }
    }

    var counts: Tally.Counts { tallies.reduce(Tally.Counts()) { $0 + $1.counts } }
    var records: Tally.Records { tallies.reduce(Tally.Records()) { $0 + $1.records } }

    /// Returns when every buyer has been answered or has given up.
    func rush() async {
        let next = Counter()
        await withTaskGroup(of: Void.self) { group in
            for place in 0..<min(plan.buyers, RushPlan.atOnceMax) {
                let client = clients[place % clients.count]
                let tally = tallies[place % clients.count]
                group.addTask(executorPreference: client.taskExecutor) {
                    while let buyer = next.take(below: plan.buyers) {
                        await come(buyer)
                        await buy(plan.request(buyer: buyer), client, tally)
                    }
                }
            }
        }
    }

    private func come(_ buyer: Int) async {
        guard plan.over > .zero else { return }
        let at = begin + plan.over * (Double(buyer) / Double(plan.buyers))
        try? await Task.sleep(until: at, clock: .continuous)
    }

    /// As a shop should do it: one id for as long as the outcome is open.
    private func buy(_ request: OrderRequest, _ client: TimesaleClient, _ tally: Tally) async {
        let called = ContinuousClock.now
        let giveUp = called + RushPlan.patience
        while true {
            do throws(TimesaleError) {
                try await client.order(request)
                return tally.accept(request, called: called)
            } catch {
                let isOver = Task.isCancelled || ContinuousClock.now >= giveUp
                switch error {
                case .refused(.notStarted, _) where !isOver:
                    tally.count(\.early)
                    try? await Task.sleep(for: .milliseconds(2))
                case .refused(let code, _): return tally.refuse(code, called: called)
                case .outcomeUnknown where !isOver, .unavailable where !isOver, .timedOut where !isOver:
                    tally.count(\.askedAgain)
                case .outcomeUnknown: return tally.count(\.unknown)
                default: return tally.count(\.unanswered)
                }
            }
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)

        func take(below limit: Int) -> Int? {
            let taken = value.wrappingAdd(1, ordering: .relaxed).oldValue
            return taken < limit ? taken : nil
        }
    }
}
