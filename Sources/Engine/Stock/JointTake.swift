import CAtomics

/// One attempt to take units of one or of several sales, all or none, as a machine of small steps.
///
/// Used like a `StockTake`, which is what it is for one sale. With several, each of them is taken tentatively,
/// behind its turnstile, and all turnstiles stay held until the whole is decided:
///
///     take of the 1st sale --> ... --> take of the last --> settle (free the turnstiles) --> taken
///       | sold out               | sold out
///       v                        v
///     roll back: put the units of each sale back, then free its turnstile --> soldOut
///
/// Why SOLD_OUT is never false: what is on loan here lies behind a held turnstile from before its first unit
/// was taken until it is back in a stripe, so that everybody else waits before saying it. A part itself says
/// it as a gather does, of a sale whose only tentative take it is.
///
/// Why two that collide do not both fail: the later one at a turnstile waits, with what it has, until the
/// earlier one has settled; only then does it look at what is left.
///
/// Why none waits for ever: sales come in ascending order. Of all joint takes that hold something, the one
/// that holds the highest turnstile waits for none of the others, and needs nobody else's step to go on.
/// Gathers of one sale hold one turnstile and wait for no other; scans hold none.
public struct JointTake {
    /// The units wanted of one sale.
    struct Part: BitwiseCopyable {
        var sale: UInt32
        var quantity: UInt32
    }

    enum Phase: UInt8 {
        case take, settle, putBack, free
    }

    /// In ascending order of sales. They stay where they are until the end.
    private let parts: UnsafePointer<Part>?
    public let count: Int
    private(set) var current: StockTake
    private(set) var phase = Phase.take
    /// The part in hand.
    private(set) var index = 0
    /// The part whose units were not there, after `soldOut`.
    public private(set) var failed = 0

    /// Of one sale.
    init(_ take: StockTake) {
        parts = nil
        count = 1
        current = take
    }

    /// Of several sales. `shard` is the caller's own.
    init(counters: StockCounters, shard: Int, parts: UnsafePointer<Part>, count: Int) {
        precondition(count > 1)
        self.parts = parts
        self.count = count
        current = Self.part(parts[0], counters, shard)
        for index in 1..<count { precondition(parts[index - 1].sale < parts[index].sale, "takes go upwards") }
    }

    private static func part(_ part: Part, _ counters: StockCounters, _ shard: Int) -> StockTake {
        StockTake(
            counters: counters, sale: Int(part.sale), shard: shard, quantity: UInt64(part.quantity), isPart: true)
    }

    /// Takes one step. After `taken` the units are the caller's; after `soldOut` nothing has changed.
    public mutating func step() -> StockTake.Answer {
        switch phase {
        case .take: return stepTake()
        case .settle: return stepSettle()
        case .putBack: return stepPutBack()
        case .free: return stepFree()
        }
    }

    /// The sale and the wanted units of a part.
    public func wanted(_ index: Int) -> (sale: Int, quantity: UInt64) {
        guard let parts else { return (current.sale, current.wanted) }
        return (Int(parts[index].sale), UInt64(parts[index].quantity))
    }

    /// The units of a part that are on loan: taken, and perhaps to be put back.
    func onLoan(_ part: Int) -> UInt64 {
        switch phase {
        case .take where part == index: current.collected
        case .take, .free: part < index ? wanted(part).quantity : 0
        case .putBack: part <= index ? wanted(part).quantity : 0
        case .settle: 0
        }
    }

    private mutating func stepTake() -> StockTake.Answer {
        let answer = current.step()
        switch answer {
        case .again, .wait: return answer
        case .taken:
            guard let parts else { return .taken }
            index += 1
            if index == count { return enter(.settle, 0) }
            current = Self.part(parts[index], current.counters, current.shard)
            return .again
        case .soldOut:
            failed = index
            return parts == nil ? .soldOut : enter(.free, index)
        }
    }

    private mutating func stepSettle() -> StockTake.Answer {
        freeTurnstile()
        return index == count - 1 ? .taken : enter(.settle, index + 1)
    }

    private mutating func stepPutBack() -> StockTake.Answer {
        let (sale, quantity) = wanted(index)
        current.counters.put(sale, stripe: current.shard, quantity)
        return enter(.free, index)
    }

    private mutating func stepFree() -> StockTake.Answer {
        freeTurnstile()
        return index == 0 ? .soldOut : enter(.putBack, index - 1)
    }

    private func freeTurnstile() { current.counters.freeTurnstile(wanted(index).sale, current.shard) }

    private mutating func enter(_ next: Phase, _ part: Int) -> StockTake.Answer {
        phase = next
        index = part
        return .again
    }
}
