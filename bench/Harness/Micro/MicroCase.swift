import CLinux
import Generator

/// One thing that `bench micro` measures.
public struct MicroCase: Sendable {
    public enum Kind: Sendable {
        case engine(BareEngine.Work, batch: Int)
        case log(ordersInBlock: Int, isWritten: Bool)
        case counter(shape: String, threads: Int)
    }

    public var name: String
    /// What one operation is.
    public var operation: String
    public var kind: Kind

    /// What all cases of one run share.
    public struct Settings: Sendable {
        /// That there is room for. What surrounds a measurement depends on this, and not on how many there are.
        public var room: Int
        public var users: Int
        /// The CPU of the thread, or of the first one; -1 leaves it to the scheduler.
        public var cpu: Int
        /// Where durable writes go; nil: with the temporary files.
        public var directory: String?

        public init(room: Int, users: Int, cpu: Int, directory: String? = nil) {
            self.room = room
            self.users = users
            self.cpu = cpu
            self.directory = directory
        }
    }

    /// All cases: batches of so many entries, and up to so many threads.
    public static func all(batch: Int, threads: Int) -> [MicroCase] {
        let words: [BareEngine.Work: String] = [
            .order: "order", .confirm: "confirm of a hold", .cancel: "cancel of a hold", .coupon: "coupon issued",
            .earn: "points earned", .use: "points used",
        ]
        var cases = [
            MicroCase(name: "order-singly", operation: "order, one by one", kind: .engine(.order, batch: 1))
        ]
        for work in BareEngine.Work.allCases {
            cases.append(
                MicroCase(
                    name: work.rawValue, operation: "\(words[work]!), in batches of \(batch)",
                    kind: .engine(work, batch: batch)))
        }
        let blocks = [("1", 1), ("4k", BareLog.ordersInSmallBlock), ("1m", BareLog.ordersInFullBlock)]
        for (isWritten, verb) in [(false, "seal"), (true, "write")] {
            for (size, orders) in blocks where !(isWritten && size == "4k") {
                cases.append(
                    MicroCase(
                        name: "\(verb)-\(size)",
                        operation: "event \(isWritten ? "sealed and on the disk" : "sealed"), \(orders) in a block",
                        kind: .log(ordersInBlock: orders, isWritten: isWritten)))
            }
        }
        for shape in BareCounter.Shape.allCases {
            for count in counts(upTo: threads) {
                let pair = shape == .oneStripe ? "take from one stripe" : "take and release"
                let place =
                    switch shape {
                    case .oneSale: ", one sale"
                    case .ownSales: ", own sales"
                    case .oneStripe: ""
                    }
                cases.append(
                    MicroCase(
                        name: "\(shape.rawValue)-\(count)",
                        operation: "\(pair)\(place), \(count) thread\(count == 1 ? "" : "s")",
                        kind: .counter(shape: shape.rawValue, threads: count)))
            }
        }
        return cases
    }

    /// 1, 2, 4, and so on, and the most.
    static func counts(upTo most: Int) -> [Int] {
        var counts: [Int] = []
        var count = 1
        while count < most {
            counts.append(count)
            count *= 2
        }
        return counts + [most]
    }

    public var threads: Int { if case .counter(_, let threads) = kind { threads } else { 1 } }

    /// Operations that cannot be told from each other: any number of them is a multiple of this.
    public var granule: Int {
        switch kind {
        case .engine(_, let batch): batch
        case .log(let orders, _): orders
        case .counter: 1
        }
    }

    /// Whether it does the same each time, and as one thread: else its instructions say nothing.
    public var isCountable: Bool {
        switch kind {
        case .engine: true
        case .log(_, let isWritten): !isWritten
        case .counter(_, let threads): threads == 1
        }
    }

    /// Of so many operations, those to do: where each is a write, there are fewer.
    public func operations(of wanted: Int) -> Int {
        if case .log(let orders, true) = kind {
            let blocks = orders == 1 ? 1000 : 100
            return min(max(wanted / granule, 1), blocks) * granule
        }
        return max(wanted / granule, 1) * granule
    }

    /// Nanoseconds of each of so many operations, of each thread. `operations` is a multiple of `granule`, and at
    /// most the room there is.
    public func nanosecondsPerOperation(_ operations: Int, _ settings: Settings) throws -> Double {
        precondition(operations % granule == 0 && operations <= settings.room)
        try Interruption.check()
        if settings.cpu >= 0 { _ = ts_pin_thread(Int32(settings.cpu)) }
        defer { if settings.cpu >= 0 { _ = ts_unpin_thread() } }
        let spentNs: UInt64
        switch kind {
        case .engine(let work, let batch):
            spentNs = BareEngine(work, room: settings.room, users: settings.users)
                .nanoseconds(batch: batch, operations: operations)
        case .log(let orders, let isWritten):
            let file = isWritten ? try DurableFile(directory: settings.directory) : nil
            spentNs = try BareLog(ordersInBlock: orders, file: file).nanoseconds(blocks: operations / orders)
        case .counter(let shape, let threads):
            let counter = BareCounter(BareCounter.Shape(rawValue: shape)!, threads: threads, cpu: settings.cpu)
            spentNs = counter.nanoseconds(operationsOfEach: operations)
        }
        return Double(spentNs) / Double(operations)
    }
}
