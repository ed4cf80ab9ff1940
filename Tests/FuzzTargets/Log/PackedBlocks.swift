import CAtomics
import Engine
import Log
import Protocol

/// Blocks of a log or a snapshot without the zeros behind their events: an input of a few hundred bytes instead of
/// whole disk blocks. Behind a first byte that says what is put right come the blocks, each its header of 112 bytes and
/// then as many bytes of events as the header says.
///
///     bit 0   lengths and checksums are put right
///     bit 1   and what chains a block to the one before: LSN, sequence, segment, log, generation
///     bit 2   and sizes and counts of events
///     bit 3   and the partitions of ids that stand beside their users
///     bit 4   a log goes on in a second segment behind its first block; a snapshot gets its closing block
struct PackedBlocks {
    /// What blocks of this kind of file carry.
    struct Chain {
        var generation: UInt64 = 1
        var logId: UInt64
        var shards: UInt16 = 1
        /// Of a log: counts from 1; of a snapshot: its sequence.
        var segment: UInt64
        /// Of a snapshot: every block's; nil: rising by one.
        var sequence: UInt64?
    }

    static let sealed: UInt8 = 1
    static let chained: UInt8 = 2
    static let counted: UInt8 = 4
    static let mended: UInt8 = 8
    static let splits: UInt8 = 16
    static let all: UInt8 = 15

    private let bytes: UnsafeRawBufferPointer
    private let options: UInt8
    private var chain: Chain
    private var nextLsn: UInt64 = 1
    private var nextSequence: UInt64 = 1
    private var previousChecksum: UInt32 = 0
    /// The files, one behind the other.
    private(set) var files: [[UInt8]] = [[]]
    private let isSnapshot: Bool

    init(_ input: UnsafeRawBufferPointer, _ chain: Chain, isSnapshot: Bool) {
        options = input.first ?? 0
        bytes = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        self.chain = chain
        self.isSnapshot = isSnapshot
        var offset = 0
        while bytes.count - offset >= BlockHeader.sizeBytes {
            offset += append(at: offset)
            if !isSnapshot && has(Self.splits) && files.count == 1 {
                files.append([])
                self.chain.segment += 1
            }
        }
        // Less than a header is left: a tail.
        files[files.count - 1] += bytes[offset...]
        if isSnapshot && has(Self.splits) { appendClosing() }
    }

    private func has(_ option: UInt8) -> Bool { options & option != 0 }

    /// Unpacks a block; answers how many bytes of the input it had.
    private mutating func append(at offset: Int) -> Int {
        var header = BlockHeader(bytes.baseAddress! + offset)
        let room = min(bytes.count - offset - BlockHeader.sizeBytes, BlockHeader.blockSizeMaxBytes - 4096)
        let eventsBytes = min(header.eventsBytes, room)
        let unit = BlockHeader.alignmentBytes
        let lengthBytes = (BlockHeader.sizeBytes + eventsBytes + unit - 1) / unit * unit
        var block = Array(bytes[offset..<(offset + BlockHeader.sizeBytes + eventsBytes)])
        block += repeatElement(0, count: lengthBytes - block.count)
        if has(Self.sealed) {
            header.lengthBytes = lengthBytes
            header.eventsBytes = eventsBytes
            header.firstLsn = max(1, header.firstLsn)
            if has(Self.counted) { (header.eventCount, header.eventsBytes) = count(&block, eventsBytes) }
            if has(Self.chained) { link(&header) }
            block.withUnsafeMutableBytes { block in
                if has(Self.mended) { Self.mend(block, header.eventsBytes) }
                previousChecksum = header.seal(block.baseAddress!)
            }
        }
        files[files.count - 1] += block
        return BlockHeader.sizeBytes + eventsBytes
    }

    private mutating func link(_ header: inout BlockHeader) {
        header.formatVersion = min(max(header.formatVersion, BlockHeader.formatVersionMin), BlockHeader.formatVersion)
        (header.shard, header.shards) = (0, chain.shards)
        (header.generation, header.logId, header.segment) = (chain.generation, chain.logId, chain.segment)
        header.firstLsn = nextLsn
        header.previousChecksum = previousChecksum
        header.sequence = chain.sequence ?? nextSequence
        header.durableLsn = min(header.durableLsn, nextLsn - 1)
        nextLsn += UInt64(header.eventCount)
        nextSequence += 1
    }

    private mutating func appendClosing() {
        var block = [UInt8](repeating: 0, count: BlockHeader.alignmentBytes)
        let header = BlockHeader(
            shard: 0, shards: chain.shards, lengthBytes: block.count, eventsBytes: 0,
            previousChecksum: previousChecksum, generation: chain.generation, logId: chain.logId,
            segment: chain.segment, firstLsn: nextLsn, eventCount: 0, sequence: chain.sequence ?? nextSequence,
            durableLsn: 0, timeMs: 0)
        block.withUnsafeMutableBytes { _ = header.seal($0.baseAddress!) }
        files[files.count - 1] += block
    }

    /// Gives each event the size of its kind. Answers how many there are, and their bytes: what follows the last one of
    /// a known kind is left out.
    private func count(_ block: inout [UInt8], _ eventsBytes: Int) -> (Int, Int) {
        var (count, used) = (0, 0)
        while used < eventsBytes {
            let place = BlockHeader.sizeBytes + used
            guard let kind = EventKind(rawValue: block[place]) else { break }
            // Orders may be short.
            let size = Int(block[place + EventField.size]) | Int(block[place + EventField.size + 1]) << 8
            let orders = kind == .orderPlaced ? ShortOrders.count(sizeBytes: size) : nil
            let sizeBytes = orders == nil ? kind.sizeBytes : size
            guard used + sizeBytes <= eventsBytes else { break }
            block[place + EventField.size] = UInt8(truncatingIfNeeded: sizeBytes)
            block[place + EventField.size + 1] = UInt8(sizeBytes >> 8)
            used += sizeBytes
            count += orders ?? 1
        }
        for place in (BlockHeader.sizeBytes + used)..<block.count { block[place] = 0 }
        return (count, used)
    }

    private static func mend(_ block: UnsafeMutableRawBufferPointer, _ eventsBytes: Int) {
        var used = 0
        while eventsBytes - used >= 16 {
            let event = block.baseAddress! + BlockHeader.sizeBytes + used
            let rest = UnsafeRawBufferPointer(start: event, count: eventsBytes - used)
            let size = Int(event.loadLE(EventField.size, as: UInt16.self))
            if event.loadLE(EventField.kind, as: UInt8.self) == EventKind.orderPlaced.rawValue,
                let orders = ShortOrders.count(sizeBytes: size), size <= rest.count
            {
                for number in 0..<orders {
                    let place = ShortOrders.headBytes + number * ShortOrders.idsBytes
                    mend(event, idAt: place, userAt: place + 16)
                }
                used += size
                continue
            }
            guard let kind = try? EventKind.read(rest) else { return }
            switch kind {
            case .orderPlaced, .orderKept, .pointsEarned, .pointsUsed, .transactionKept, .couponIssued, .checkoutPlaced,
                .checkoutKept:
                mend(event, idAt: EventField.id, userAt: EventField.userId)
            default: break
            }
            used += max(16, Int(event.loadLE(EventField.size, as: UInt16.self)))
        }
    }

    /// Lets the id carry its user's partition.
    private static func mend(_ event: UnsafeMutableRawPointer, idAt idOffset: Int, userAt userOffset: Int) {
        let user = UnsafeRawPointer(event).loadId(userOffset)
        var id = UnsafeRawPointer(event).loadId(idOffset)
        id.high = id.high & ~0xfff | UInt64(Partition.of(user: user))
        event.storeId(id, idOffset)
    }

    // MARK: Packing

    /// What an input would have to be for this file, with everything put right.
    static func pack(_ file: [UInt8], _ options: UInt8) -> [UInt8] {
        var packed = [options]
        var offset = 0
        while file.count - offset >= BlockHeader.alignmentBytes {
            let lengthBytes = file.withUnsafeBytes { file -> Int in
                let block = file.baseAddress! + offset
                guard BlockHeader.isIntact(block) else { return 0 }
                let header = BlockHeader(block)
                packed += file[offset..<(offset + BlockHeader.sizeBytes + header.eventsBytes)]
                return header.lengthBytes
            }
            if lengthBytes == 0 { break }
            offset += lengthBytes
        }
        return packed
    }
}
