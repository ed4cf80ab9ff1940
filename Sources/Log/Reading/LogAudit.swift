import Engine
import Protocol

/// Everything that lies in a data directory, read once and judged, without changing it and without stopping at
/// the first fault.
///
/// The directory may be in use: what looks like damage is looked at again, since a reader that was
/// overtaken by the writer sees blocks that vouch for one it had found missing.
public struct LogAudit {
    /// One log, as far as it could be read.
    public struct Log {
        public var shard: Int
        public var logId: UInt64
        public var segmentCount = 0
        public var blockCount: UInt64 = 0
        /// Its last event's; 0 for none.
        public var lastLsn: UInt64 = 0
        /// The last one that a block says is durable.
        public var markedLsn: UInt64 = 0
        public var lastSequence: UInt64 = 0
        public var end: LogEnd = .clean
    }

    public struct Snapshot {
        public var file: String
        public var blockCount: UInt64 = 0
        public var recordCount: UInt64 = 0
    }

    public private(set) var directory: LogDirectory?
    /// The snapshots that starts begin with, the older first.
    public private(set) var snapshots: [Snapshot] = []
    public private(set) var logs: [Log] = []
    /// Events and records by kind, indexed by its raw value.
    public private(set) var counts = [Int](repeating: 0, count: 256)
    /// Each damage, in the order of the files.
    public private(set) var faults: [RecoveryFault] = []

    public init(storage: any LogStorage) {
        do {
            let directory = try LogDirectory(storage: storage)
            self.directory = directory
            guard let manifest = directory.manifest else {
                faults.append(
                    RecoveryFault(
                        .missing, file: LogFiles.manifest,
                        "there is none: this directory holds no log, or has lost it."))
                return
            }
            for base in manifest.bases { readSnapshot(of: base, directory, manifest) }
            for shard in manifest.logs.indices { readLog(of: shard, directory, manifest) }
        } catch {
            faults.append(error)
        }
    }

    public func count(_ kind: EventKind) -> Int { counts[Int(kind.rawValue)] }

    private mutating func readSnapshot(
        of base: Manifest.Base, _ directory: LogDirectory, _ manifest: Manifest
    ) {
        guard let name = base.snapshot else { return }
        var found = Snapshot(file: name)
        do {
            guard
                var reader = try SnapshotReader.open(directory, generation: manifest.generation, base: base)
            else { return }
            defer {
                found.blockCount = reader.blockCount
                found.recordCount = reader.recordCount
            }
            while let block = try reader.next() { try Self.count(block, &counts) }
        } catch {
            faults.append(error)
        }
        snapshots.append(found)
    }

    private mutating func readLog(of shard: Int, _ directory: LogDirectory, _ manifest: Manifest) {
        var before: RecoveryFault?
        var current = directory
        while true {
            var counts = [Int](repeating: 0, count: 256)
            var log = Log(shard: shard, logId: manifest.logs[shard])
            do {
                try Self.read(&log, &counts, current, manifest)
            } catch {
                log.end = .damaged(error)
            }
            if case .damaged(let fault) = log.end, fault != before,
                let again = try? LogDirectory(storage: directory.storage), again.manifest == manifest
            {
                (before, current) = (fault, again)
                continue
            }
            if case .damaged(let fault) = log.end { faults.append(fault) }
            logs.append(log)
            for kind in counts.indices { self.counts[kind] += counts[kind] }
            return
        }
    }

    private static func read(
        _ log: inout Log, _ counts: inout [Int], _ directory: LogDirectory, _ manifest: Manifest
    ) throws(RecoveryFault) {
        var reader = try LogReader(directory, manifest: manifest, base: manifest.bases[0], shard: log.shard)
        log.segmentCount = reader.segmentCount
        while let block = try reader.next() {
            log.blockCount = reader.blockCount
            log.lastLsn = block.header.lastLsn
            log.markedLsn = block.header.durableLsn
            log.lastSequence = block.header.sequence
            try count(block, &counts)
        }
        log.end = try reader.end()
    }

    private static func count(_ block: LogBlock, _ counts: inout [Int]) throws(RecoveryFault) {
        var cursor = block.events
        do {
            while let (kind, _) = try cursor.next() { counts[Int(kind.rawValue)] += 1 }
        } catch {
            throw RecoveryFault(error, file: block.file, offset: block.offset, lsn: cursor.lastLsn)
        }
    }

    /// Tables that hold what was counted, in one shard.
    public var configuration: RecoveryConfiguration {
        let orders = count(.orderPlaced) + count(.orderKept)
        let checkouts = count(.checkoutPlaced) + count(.checkoutKept)
        // A checkout posts up to two, in events that are its own.
        let transactions = count(.pointsEarned) + count(.pointsUsed) + count(.transactionKept) + 2 * checkouts
        let coupons = count(.couponIssued)
        let offers =
            count(.saleCreated) + count(.saleKept) + count(.policyCreated) + count(.policyKept)
            + count(.offerRetiredKept)
        let couponOperations = count(.couponUsed) + count(.couponRestored) + count(.couponOperationKept) + checkouts
        let restocks = count(.saleRestocked) + count(.policyRestocked) + count(.catalogueOperationKept)
        return RecoveryConfiguration(
            shards: 1, segmentSizeBytes: directory?.manifest?.segmentSizeBytes ?? 0,
            capacities: Capacities(
                users: orders + transactions + coupons, orders: orders, tombstones: count(.tombstonePlaced),
                transactions: transactions, checkouts: checkouts, coupons: coupons,
                couponOperations: couponOperations, offers: offers,
                catalogueOperations: offers + restocks),
            retainMs: 0, hashSeed: 0x7469_6d65_7361_6c65)
    }
}
