import CAtomics
import Protocol

@testable import Engine

/// What one shard does with a sale's units, one thing after the other.
enum Move: Hashable {
    /// An attempt to take so many units.
    case take(UInt64)
    /// Puts back every unit that earlier attempts got.
    case putBack
    /// Puts new units up for sale.
    case restock(UInt64)
}

/// How the attempts of all shards ended: for each shard, in order, whether it got its units.
typealias Ending = [[Bool]]

/// Explores how the steps of several shards on one sale can follow each other.
///
/// Units are counted as available while they are in a stripe, and while they are on loan to a take that is
/// still open. An attempt that ends with SOLD_OUT must have seen a moment when fewer than it wanted were.
final class Interleavings {
    let scripts: [[Move]]
    private let start: State
    private let counters: StockCounters
    private let arena = Arena()

    init(stripes: [UInt64], _ scripts: [[Move]]) {
        precondition(stripes.count == scripts.count, "one script a shard")
        self.scripts = scripts
        counters = StockCounters(sales: 1, shards: stripes.count, memory: arena.memory)
        start = State(
            turnstile: 0, available: stripes, sequences: stripes.map { _ in 0 },
            shards: stripes.map { _ in ShardState() })
    }

    struct ShardState {
        var move = 0
        var take: StockTake?
        var putStep = 0
        var held: UInt64 = 0
        /// Whether, since the open attempt began, fewer units were available than it wants.
        var wasShort = false
        var gotUnits: [Bool] = []
    }

    struct State {
        var turnstile: UInt64
        var available: [UInt64]
        var sequences: [UInt64]
        var shards: [ShardState]

        /// Units in stripes, and on loan to takes that are open.
        var free: UInt64 { available.reduce(0, +) + shards.reduce(0) { $0 + ($1.take?.collected ?? 0) } }

        /// Two words that tell this state from every other one, but for a chance of 2^-128.
        var key: Key {
            var key = Key()
            key.add(turnstile)
            for shard in available.indices {
                key.add(available[shard])
                key.add(sequences[shard])
                let state = shards[shard]
                key.add(UInt64(state.move) << 8 | UInt64(state.putStep) << 1 | (state.wasShort ? 1 : 0))
                key.add(state.held)
                for got in state.gotUnits { key.add(got ? 2 : 1) }
                guard let take = state.take else { continue }
                key.add(UInt64(take.phase.number) << 8 | UInt64(take.visited))
                key.add(take.found << 40 | take.largest << 20 | take.collected)
                key.add(take.sequenceSum << 32 | take.verifySum)
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
        case .take(let wanted):
            var take: StockTake
            if let open = state.shards[shard].take {
                take = open
            } else {
                take = StockTake(counters: counters, sale: 0, shard: shard, quantity: wanted)
                state.shards[shard].wasShort = state.free < wanted
            }
            let answer = take.step()
            store(&state)
            state.shards[shard].take = take
            switch answer {
            case .again, .wait: break
            case .taken, .soldOut:
                if answer == .taken { state.shards[shard].held += wanted }
                state.shards[shard].gotUnits.append(answer == .taken)
                state.shards[shard].take = nil
                state.shards[shard].move += 1
                if answer == .soldOut && !state.shards[shard].wasShort && state.free >= wanted {
                    result = .falseSoldOut
                }
                state.shards[shard].wasShort = false
            }
        case .putBack:
            let units = state.shards[shard].held
            put(shard, units, &state)
            if state.shards[shard].putStep == 2 { state.shards[shard].held = 0 }
        case .restock(let units):
            put(shard, units, &state)
        }
        noticeShortness(&state)
        return result
    }

    /// `StockCounters.put` in the three steps that other shards can see apart.
    private func put(_ shard: Int, _ units: UInt64, _ state: inout State) {
        switch state.shards[shard].putStep {
        case 0: state.sequences[shard] += 1
        case 1: state.available[shard] += units
        default:
            state.sequences[shard] += 1
            state.shards[shard].putStep = 0
            state.shards[shard].move += 1
            return
        }
        state.shards[shard].putStep += 1
    }

    private func noticeShortness(_ state: inout State) {
        let free = state.free
        for shard in state.shards.indices {
            guard let take = state.shards[shard].take, free < take.wanted else { continue }
            state.shards[shard].wasShort = true
        }
    }

    private func load(_ state: State) {
        ts_store_relaxed(counters.turnstile(0), state.turnstile)
        for shard in state.available.indices {
            ts_store_relaxed(counters.available(0, shard), state.available[shard])
            ts_store_relaxed(counters.putSequence(0, shard), state.sequences[shard])
        }
    }

    private func store(_ state: inout State) {
        state.turnstile = ts_load_relaxed(counters.turnstile(0))
        for shard in state.available.indices {
            state.available[shard] = ts_load_relaxed(counters.available(0, shard))
            state.sequences[shard] = ts_load_relaxed(counters.putSequence(0, shard))
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
                if state.free + state.shards.reduce(0, { $0 + $1.held }) != supply { findings.lostUnits += 1 }
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
        if state.free + state.shards.reduce(0, { $0 + $1.held }) != supply { findings.lostUnits += 1 }
        return findings
    }

    private var supply: UInt64 {
        var supply = start.available.reduce(0, +)
        for case .restock(let units) in scripts.joined() { supply += units }
        return supply
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
            let phase = state.shards[shard].take.map { "\($0.phase) \($0.visited)" } ?? "begins a move"
            _ = step(shard, &state)
            lines.append("shard \(shard): \(phase); stripes \(state.available), turnstile \(state.turnstile)")
        }
        return lines.suffix(60).joined(separator: "\n")
    }
}

extension StockTake.Phase {
    var number: UInt8 { unsafeBitCast(self, to: UInt8.self) }
}
