import CLinux
import Foundation
import Generator

/// What one load reached on one contestant.
public struct BoutResult: Codable, Sendable {
    public var ordersPerSecond: Double
    public var latency: Latencies
    /// Shares of one core: of all processes of the contestant, of the generator's thread, of everything else.
    public var serverCPU: Double
    public var generatorCPU: Double
    public var othersCPU: Double
    /// Of everything else: what the hypervisor withheld.
    public var stolenCPU: Double
    /// Before, while and after anything was counted; the contestant says the same.
    public var acceptedInAll: UInt64
    /// How far the two CPUs were from each other, before or behind the load, whichever was further; nil if they were
    /// not both given.
    public var cpuDistanceNs: Double?
}

/// One load on a fresh server of one contestant.
public struct Bout: Sendable {
    public var plan: LoadPlan
    public var terms = SaleTerms()
    public var settings: ContestSettings

    public init(_ test: LoadCase, seconds: Double, users: UInt64, seed: UInt64, settings: ContestSettings) {
        plan = LoadPlan(address: .tcp(port: 0))
        plan.connections = test.connections
        plan.depth = test.depth
        plan.batch = test.batch
        plan.seconds = seconds
        plan.users = users
        plan.seed = seed
        plan.saleIds = [terms.sale]
        plan.isAccounted = true
        self.settings = settings
    }

    /// Throws as well if an order was refused, or if the contestant has not sold what it said.
    public func run(_ contestant: any Contestant) throws -> BoutResult {
        try Interruption.check()
        let server = try contestant.start(plan, terms: terms)
        defer { server.stop() }
        let distanceNs = cpuDistanceNs
        if settings.generatorCPU >= 0 { _ = ts_pin_thread(Int32(settings.generatorCPU)) }
        defer { _ = ts_unpin_thread() }
        var plan = plan
        server.aim(&plan)
        var generator = try Generator(plan)
        // What making the server left to be written is not to be written meanwhile.
        sync()
        let before = (
            us: MonotonicClock.nowUs(), server: server.cpuSeconds, machine: ProcessUsage.machineCPUSeconds
        )
        let report = try generator.run()
        let seconds = Double(MonotonicClock.nowUs() - before.us) / 1e6
        let serverCPU = (server.cpuSeconds - before.server) / seconds
        let machine = ProcessUsage.machineCPUSeconds
        let machineCPU = (machine.all - before.machine.all) / seconds
        let stolenCPU = (machine.stolen - before.machine.stolen) / seconds
        let accepted = try check(contestant, server, report.account)
        return BoutResult(
            ordersPerSecond: report.acceptedPerSecond, latency: report.latency, serverCPU: serverCPU,
            generatorCPU: report.generatorCPU, othersCPU: max(0, machineCPU - serverCPU - report.generatorCPU),
            stolenCPU: stolenCPU,
            acceptedInAll: accepted,
            cpuDistanceNs: distanceNs.flatMap { before in cpuDistanceNs.map { behind in max(before, behind) } })
    }

    private var cpuDistanceNs: Double? { CPUDistance.measureNs(settings.serverCPU, settings.generatorCPU) }

    /// Answers how many orders were accepted in all.
    private func check(
        _ contestant: any Contestant, _ server: any ContestantServer, _ account: Account
    ) throws -> UInt64 {
        guard account.connectionsLost == 0, account.unknown == 0 else {
            throw LoadError(
                description: """
                    \(contestant.name) closed \(account.connectionsLost) connections, and \(account.unknown) orders \
                    have no reply
                    """)
        }
        if let (code, count) = account.refused.first {
            throw LoadError(description: "\(contestant.name) refused \(count) orders with code \(code)")
        }
        let accepted = account.accepted[.order] ?? 0
        let sold = try server.sold(terms)
        let expected = Sold(units: accepted * UInt64(plan.quantity), orders: accepted)
        guard sold == expected else {
            throw LoadError(
                description: """
                    \(contestant.name) accepted \(expected.orders) orders of \(expected.units) units, and says that it \
                    has sold \(sold.units) units in \(sold.orders) orders
                    """)
        }
        return accepted
    }
}
