import CAtomics
import Protocol

@testable import Engine

/// What one shard does with units, one thing after the other.
enum Move: Hashable {
    /// An attempt to take so many units of one sale.
    case take(UInt64, of: Int = 0)
    /// An attempt to take units of several sales, all or none: so many of each, 0 of those it leaves out.
    case takeAll([UInt64])
    /// Puts back every unit that earlier attempts got.
    case putBack
    /// Puts new units up for sale.
    case restock(UInt64, of: Int = 0)
}

/// How the attempts of all shards ended: for each shard, in order, whether it got its units.
typealias Ending = [[Bool]]

/// Explores how the steps of several shards on the same sales can follow each other.
///
/// Units are counted as available while they are in a stripe, and while they are on loan to a take that is
/// still open. An attempt that ends with SOLD_OUT must have seen a moment when fewer than it wanted were.
final class Interleavings {
    let scripts: [[Move]]
    private let start: State
    private let counters: StockCounters
    private let arena = Arena()
    /// What the moves of each shard take, in the order of sales.
    private let parts: [[[JointTake.Part]]]
    private let partsMemory: UnsafeMutablePointer<JointTake.Part>

    convenience init(stripes: [UInt64], _ scripts: [[Move]]) { self.init(sales: [stripes], scripts) }

    init(sales: [[UInt64]], _ scripts: [[Move]]) {
        precondition(sales.allSatisfy { $0.count == scripts.count }, "one script a shard")
        self.scripts = scripts
        counters = StockCounters(sales: sales.count, shards: scripts.count, memory: arena.memory)
        parts = scripts.map { $0.map(Self.parts) }
        partsMemory = arena.memory.table(of: JointTake.Part.self, count: parts.joined().joined().count + 1)
        for (index, part) in parts.joined().joined().enumerated() { partsMemory[index] = part }
        start = State(
            turnstiles: sales.map { _ in 0 }, available: Array(sales.joined()),
            sequences: sales.joined().map { _ in 0 },
            shards: scripts.map { _ in ShardState(held: sales.map { _ in 0 }) })
    }

    private static func parts(_ move: Move) -> [JointTake.Part] {
        switch move {
        case .take(let units, let sale): [JointTake.Part(sale: UInt32(sale), quantity: UInt32(units))]
        case .takeAll(let units):
            units.indices.filter { units[$0] > 0 }.map {
                JointTake.Part(sale: UInt32($0), quantity: UInt32(units[$0]))
            }
        case .putBack, .restock: []
        }
    }

    struct ShardState {
        var move = 0
        var take: JointTake?
        var putStep = 0
        /// Units in hand, by sale.
        var held: [UInt64]
        /// Of which sales, since the open attempt began, fewer units were available than it wants: a bit each.
        var wasShort: UInt64 = 0
        var gotUnits: [Bool] = []
    }

    struct State {
        var turnstiles: [UInt64]
        /// By sale, then by shard.
        var available: [UInt64]
        var sequences: [UInt64]
        var shards: [ShardState]

        /// Units of a sale in stripes, and on loan to takes that are open.
        func free(_ sale: Int) -> UInt64 {
            var free: UInt64 = 0
            for shard in shards.indices {
                free += available[sale * shards.count + shard]
                if let take = shards[shard].take { free += take.onLoan(of: sale) }
            }
            return free
        }

        /// Two words that tell this state from every other one, but for a chance of 2^-128.
        var key: Key {
            var key = Key()
            for turnstile in turnstiles { key.add(turnstile) }
            for units in available { key.add(units) }
            for sequence in sequences { key.add(sequence) }
            for state in shards {
                key.add(UInt64(state.move) << 16 | UInt64(state.putStep) << 8 | state.wasShort)
                for units in state.held { key.add(units) }
                for got in state.gotUnits { key.add(got ? 2 : 1) }
                guard let take = state.take else { continue }
                key.add(UInt64(take.phase.rawValue) << 16 | UInt64(take.index) << 8 | UInt64(take.failed))
                key.add(UInt64(take.current.phase.number) << 8 | UInt64(take.current.visited))
                key.add(take.current.found << 40 | take.current.largest << 20 | take.current.collected)
                key.add(take.current.sequenceSum << 32 | take.current.verifySum)
            }
            return key
        }
    }

    struct Key: Hashable {
        private var first: UInt64 = 1
        private var second: UInt64 = 2

        mutating func add(_ word: UInt64) {
            first = Partition.mix(first ^ word) &+ 0x9e37_79b9
            second = Partition.mix(second &+ word) ^ 0x51_7cc1_b727
        }
    }

    /// What an exploration found.
    struct Findings {
        var states = 0
        var endings: Set<Ending> = []
        /// The first attempts that were told SOLD_OUT although there were always enough, step by step.
        var falseSoldOut: [String] = []
        /// States from which no order of steps leads to the end of all scripts.
        var stuck = 0
        var lostUnits = 0
    }

    private enum StepResult {
        case moved
        case falseSoldOut
    }

    private func isDone(_ state: State) -> Bool {
        state.shards.indices.allSatisfy { state.shards[$0].move == scripts[$0].count }
    }

    /// Lets one shard take one step.
    private func step(_ shard: Int, _ state: inout State) -> StepResult {
        load(state)
        var result = StepResult.moved
        switch scripts[shard][state.shards[shard].move] {
        case .take, .takeAll: result = stepTake(shard, &state)
        case .putBack:
            // One sale after the other, in three steps each.
            let held = state.shards[shard].held
            guard let sale = held.firstIndex(where: { $0 > 0 }) else {
                state.shards[shard].move += 1
                break
            }
            if put(shard, held[sale], of: sale, &state) { state.shards[shard].held[sale] = 0 }
            if state.shards[shard].held.allSatisfy({ $0 == 0 }) { state.shards[shard].move += 1 }
        case .restock(let units, let sale):
            if put(shard, units, of: sale, &state) { state.shards[shard].move += 1 }
        }
        noticeShortness(&state)
        return result
    }

    private func stepTake(_ shard: Int, _ state: inout State) -> StepResult {
        let wanted = parts[shard][state.shards[shard].move]
        if state.shards[shard].take == nil {
            state.shards[shard].take = open(shard, state.shards[shard].move)
            noticeShortness(&state)
        }
        let answer = state.shards[shard].take!.step()
        store(&state)
        if answer == .again || answer == .wait { return .moved }
        let failed = state.shards[shard].take!.failed
        if answer == .taken {
            for part in wanted { state.shards[shard].held[Int(part.sale)] += UInt64(part.quantity) }
        }
        state.shards[shard].gotUnits.append(answer == .taken)
        state.shards[shard].take = nil
        state.shards[shard].move += 1
        let wasShort = state.shards[shard].wasShort
        state.shards[shard].wasShort = 0
        if answer == .taken { return .moved }
        let sale = Int(wanted[failed].sale)
        let isShort = wasShort >> UInt64(sale) & 1 != 0 || state.free(sale) < UInt64(wanted[failed].quantity)
        return isShort ? .moved : .falseSoldOut
    }

    private func open(_ shard: Int, _ move: Int) -> JointTake {
        let wanted = parts[shard][move]
        if wanted.count == 1 {
            return JointTake(
                StockTake(
                    counters: counters, sale: Int(wanted[0].sale), shard: shard,
                    quantity: UInt64(wanted[0].quantity)))
        }
        let first = parts[..<shard].joined().joined().count + parts[shard][..<move].joined().count
        return JointTake(counters: counters, shard: shard, parts: partsMemory + first, count: wanted.count)
    }

    /// `StockCounters.put` in the three steps that other shards can see apart; answers whether it was the last.
    private func put(_ shard: Int, _ units: UInt64, of sale: Int, _ state: inout State) -> Bool {
        let place = sale * scripts.count + shard
        switch state.shards[shard].putStep {
        case 0: state.sequences[place] += 1
        case 1: state.available[place] += units
        default:
            state.sequences[place] += 1
            state.shards[shard].putStep = 0
            return true
        }
        state.shards[shard].putStep += 1
        return false
    }

    private func noticeShortness(_ state: inout State) {
        for shard in state.shards.indices where state.shards[shard].take != nil {
            for part in parts[shard][state.shards[shard].move]
            where state.free(Int(part.sale)) < UInt64(part.quantity) {
                state.shards[shard].wasShort |= 1 << UInt64(part.sale)
            }
        }
    }

    private func load(_ state: State) {
        for sale in state.turnstiles.indices {
            ts_store_relaxed(counters.turnstile(sale), state.turnstiles[sale])
            for shard in scripts.indices {
                let place = sale * scripts.count + shard
                ts_store_relaxed(counters.available(sale, shard), state.available[place])
                ts_store_relaxed(counters.putSequence(sale, shard), state.sequences[place])
            }
        }
    }

    private func store(_ state: inout State) {
        for sale in state.turnstiles.indices {
            state.turnstiles[sale] = ts_load_relaxed(counters.turnstile(sale))
            for shard in scripts.indices {
                let place = sale * scripts.count + shard
                state.available[place] = ts_load_relaxed(counters.available(sale, shard))
                state.sequences[place] = ts_load_relaxed(counters.putSequence(sale, shard))
            }
        }
    }

    /// Visits every state that any order of steps can reach.
    func exploreAll() -> Findings {
        var findings = Findings()
        var indexOf: [Key: Int32] = [start.key: 0]
        var cameFrom: [(state: Int32, shard: Int8)] = [(-1, -1)]
        var reachedFrom: [[Int32]] = [[]]
        var ends: [Int32] = []
        var open: [(index: Int32, state: State)] = [(0, start)]
        while let (index, state) = open.popLast() {
            if isDone(state) {
                ends.append(index)
                findings.endings.insert(state.shards.map(\.gotUnits))
                if hasLostUnits(state) { findings.lostUnits += 1 }
                continue
            }
            for shard in state.shards.indices where state.shards[shard].move < scripts[shard].count {
                var next = state
                let result = step(shard, &next)
                if result == .falseSoldOut && findings.falseSoldOut.count < 3 {
                    findings.falseSoldOut.append(story(index, cameFrom, last: shard))
                }
                let key = next.key
                if let known = indexOf[key] {
                    if known != index { reachedFrom[Int(known)].append(index) }
                    continue
                }
                let fresh = Int32(cameFrom.count)
                indexOf[key] = fresh
                cameFrom.append((index, Int8(shard)))
                reachedFrom.append([index])
                open.append((fresh, next))
            }
        }
        findings.states = cameFrom.count
        findings.stuck = cameFrom.count - countLeading(to: ends, reachedFrom)
        return findings
    }

    /// Plays one random order of steps to its end.
    func playOnce(_ dice: inout Dice) -> Findings {
        var findings = Findings()
        var state = start
        var path: [Int] = []
        while !isDone(state) {
            // Runs of steps of one shard, so that another one's move falls into every gap now and then.
            let shard = dice.below(state.shards.count)
            let run = dice.oneIn(2) ? 1 : dice.pick(1...12)
            for _ in 0..<run where state.shards[shard].move < scripts[shard].count {
                path.append(shard)
                if step(shard, &state) == .falseSoldOut { findings.falseSoldOut.append(story(path)) }
            }
            if path.count > 1_000_000 {
                findings.stuck = 1
                return findings
            }
        }
        findings.states = path.count
        findings.endings = [state.shards.map(\.gotUnits)]
        if hasLostUnits(state) { findings.lostUnits += 1 }
        return findings
    }

    /// At the end: every unit is in a stripe or in a hand, and every turnstile is free.
    private func hasLostUnits(_ state: State) -> Bool {
        start.turnstiles.indices.contains { sale in
            var supply = start.free(sale)
            for case .restock(let units, of: sale) in scripts.joined() { supply += units }
            let held = state.shards.reduce(0) { $0 + $1.held[sale] }
            return state.free(sale) + held != supply || state.turnstiles[sale] != 0
        }
    }

    private func countLeading(to ends: [Int32], _ reachedFrom: [[Int32]]) -> Int {
        var leads = [Bool](repeating: false, count: reachedFrom.count)
        var open = ends
        for end in ends { leads[Int(end)] = true }
        var count = ends.count
        while let index = open.popLast() {
            for before in reachedFrom[Int(index)] where !leads[Int(before)] {
                leads[Int(before)] = true
                count += 1
                open.append(before)
            }
        }
        return count
    }

    private func story(_ index: Int32, _ cameFrom: [(state: Int32, shard: Int8)], last: Int) -> String {
        var path = [last]
        var at = index
        while cameFrom[Int(at)].state >= 0 {
            path.append(Int(cameFrom[Int(at)].shard))
            at = cameFrom[Int(at)].state
        }
        return story(path.reversed())
    }

    /// The steps of a path, one a line: who moved, in which phase, and what the stripes held then.
    private func story(_ path: [Int]) -> String {
        var state = start
        var lines: [String] = []
        for shard in path {
            let phase = state.shards[shard].take.map { take in
                "\(take.phase) \(take.index): \(take.current.phase) \(take.current.visited)"
            }
            _ = step(shard, &state)
            lines.append(
                "shard \(shard): \(phase ?? "begins a move"); stripes \(state.available), "
                    + "turnstiles \(state.turnstiles)")
        }
        return lines.suffix(60).joined(separator: "\n")
    }
}

extension JointTake {
    /// The units of a sale that are on loan.
    func onLoan(of sale: Int) -> UInt64 {
        for part in 0..<count where wanted(part).sale == sale { return onLoan(part) }
        return 0
    }
}

extension StockTake.Phase {
    var number: UInt8 { unsafeBitCast(self, to: UInt8.self) }
}
