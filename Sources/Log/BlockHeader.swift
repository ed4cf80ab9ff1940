import CAtomics
import Protocol

/// The header of a block: one write to the log, made of whole disk blocks of 4,096 bytes.
///
///     offset  size  field
///          0     4  magic "TSBK"
///          4     4  checksum of the header: CRC-32C of bytes 8 ..< 112
///          8     2  format version
///         10     2  shard that wrote it
///         12     2  shards of its generation
///         14     2  reserved, 0
///         16     4  length of the whole block in bytes, a multiple of 4,096
///         20     4  length of the events in bytes
///         24     4  checksum of the body: CRC-32C of bytes 112 ..< length, the zeros behind the events included
///         28     4  header checksum of the block before it in this log; 0 for the first
///         32     8  generation of the log: a new one at each change of the number of shards
///         40     8  id of the log, never reused
///         48     8  number of the segment: what an earlier life of a recycled file wrote has another one
///         56     8  LSN of the first event (of the next one, if there is none)
///         64     4  number of events
///         68     4  reserved, 0
///         72     8  sequence: drawn at sealing from a counter common to all shards, never drawn twice
///         80     8  LSN known durable at sealing
///         88     8  time of sealing, ms since 1970
///         96    16  reserved, 0
///        112        events, then zeros
public struct BlockHeader: Equatable, Sendable {
    public static let sizeBytes = 112
    public static let magic: UInt32 = 0x4b42_5354
    /// What is written.
    public static let formatVersion: UInt16 = 3
    /// The first one whose orders may be short (`ShortOrders`).
    static let formatVersionOfShortOrders: UInt16 = 3
    /// The oldest that is read.
    public static let formatVersionMin: UInt16 = 1
    /// What offsets and lengths of blocks are multiples of: the largest logical block size of disks.
    public static let alignmentBytes = 4096
    /// The longest block.
    public static let blockSizeMaxBytes = 1 << 20

    public var headerChecksum: UInt32 = 0
    public var formatVersion: UInt16 = Self.formatVersion
    public var shard: UInt16
    public var shards: UInt16
    public var lengthBytes: Int
    public var eventsBytes: Int
    public var bodyChecksum: UInt32 = 0
    public var previousChecksum: UInt32
    public var generation: UInt64
    public var logId: UInt64
    public var segment: UInt64
    public var firstLsn: UInt64
    public var eventCount: Int
    public var sequence: UInt64
    public var durableLsn: UInt64
    public var timeMs: UInt64

    /// The LSN of its last event; of the event before it, if it has none.
    public var lastLsn: UInt64 { firstLsn + UInt64(eventCount) - 1 }

    public init(
        shard: UInt16, shards: UInt16, lengthBytes: Int, eventsBytes: Int, previousChecksum: UInt32,
        generation: UInt64, logId: UInt64, segment: UInt64, firstLsn: UInt64, eventCount: Int, sequence: UInt64,
        durableLsn: UInt64, timeMs: UInt64
    ) {
        self.shard = shard
        self.shards = shards
        self.lengthBytes = lengthBytes
        self.eventsBytes = eventsBytes
        self.previousChecksum = previousChecksum
        self.generation = generation
        self.logId = logId
        self.segment = segment
        self.firstLsn = firstLsn
        self.eventCount = eventCount
        self.sequence = sequence
        self.durableLsn = durableLsn
        self.timeMs = timeMs
    }

    /// Decodes 112 bytes whose magic and checksum `isIntact` has vouched for.
    public init(_ bytes: UnsafeRawPointer) {
        headerChecksum = bytes.loadLE(4)
        formatVersion = bytes.loadLE(8)
        shard = bytes.loadLE(10)
        shards = bytes.loadLE(12)
        lengthBytes = Int(bytes.loadLE(16, as: UInt32.self))
        eventsBytes = Int(bytes.loadLE(20, as: UInt32.self))
        bodyChecksum = bytes.loadLE(24)
        previousChecksum = bytes.loadLE(28)
        generation = bytes.loadLE(32)
        logId = bytes.loadLE(40)
        segment = bytes.loadLE(48)
        firstLsn = bytes.loadLE(56)
        eventCount = Int(bytes.loadLE(64, as: UInt32.self))
        sequence = bytes.loadLE(72)
        durableLsn = bytes.loadLE(80)
        timeMs = bytes.loadLE(88)
    }

    /// Writes the header in front of a body that is already in place, zeros included, and seals both.
    /// Answers the header's checksum, which the next block repeats.
    @discardableResult
    public func seal(_ block: UnsafeMutableRawPointer) -> UInt32 {
        precondition(lengthBytes % Self.alignmentBytes == 0 && lengthBytes <= Self.blockSizeMaxBytes)
        precondition(eventsBytes >= 0 && Self.sizeBytes + eventsBytes <= lengthBytes)
        block.storeLE(Self.magic, 0)
        block.storeLE(formatVersion, 8)
        block.storeLE(shard, 10)
        block.storeLE(shards, 12)
        block.storeLE(UInt16(0), 14)
        block.storeLE(UInt32(lengthBytes), 16)
        block.storeLE(UInt32(eventsBytes), 20)
        block.storeLE(ts_crc32c(0, block + Self.sizeBytes, lengthBytes - Self.sizeBytes), 24)
        block.storeLE(previousChecksum, 28)
        block.storeLE(generation, 32)
        block.storeLE(logId, 40)
        block.storeLE(segment, 48)
        block.storeLE(firstLsn, 56)
        block.storeLE(UInt32(eventCount), 64)
        block.storeLE(UInt32(0), 68)
        block.storeLE(sequence, 72)
        block.storeLE(durableLsn, 80)
        block.storeLE(timeMs, 88)
        block.storeLE(UInt64(0), 96)
        block.storeLE(UInt64(0), 104)
        let checksum = ts_crc32c(0, block + 8, Self.sizeBytes - 8)
        block.storeLE(checksum, 4)
        return checksum
    }

    /// Whether the header at `bytes` is whole: magic, checksum, and lengths that make sense.
    public static func isIntact(_ bytes: UnsafeRawPointer) -> Bool {
        guard bytes.loadLE(0, as: UInt32.self) == magic else { return false }
        guard ts_crc32c(0, bytes + 8, sizeBytes - 8) == bytes.loadLE(4, as: UInt32.self) else { return false }
        let header = BlockHeader(bytes)
        return header.lengthBytes % alignmentBytes == 0 && header.lengthBytes >= alignmentBytes
            && header.lengthBytes <= blockSizeMaxBytes && sizeBytes + header.eventsBytes <= header.lengthBytes
            && header.firstLsn >= 1
    }

    /// Whether the body of a whole block in memory is what its header was sealed with.
    public func bodyIsIntact(_ block: UnsafeRawPointer) -> Bool {
        ts_crc32c(0, block + Self.sizeBytes, lengthBytes - Self.sizeBytes) == bodyChecksum
    }
}
