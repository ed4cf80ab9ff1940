import CAtomics

/// One segment by itself: what can be said where no manifest says how it belongs to others, or where no start needs
/// it.
public struct SegmentCheck {
    public let file: String
    public private(set) var blockCount: UInt64 = 0
    /// Of the events of its whole blocks; nil for none.
    public private(set) var lsns: ClosedRange<UInt64>?
    public private(set) var sequences: ClosedRange<UInt64>?
    /// Blocks that whole ones follow.
    public private(set) var faults: [RecoveryFault] = []
    /// What follows the last whole block, where that is not only zeros: the trace of a crash, or damage.
    public private(set) var unreadable: (offset: Int, sizeBytes: Int)?

    public init(storage: any LogStorage, log: UInt64, number: UInt64) throws(RecoveryFault) {
        file = LogFiles.segment(log: log, number: number)
        let name = file
        let sizeBytes = try reporting { () throws(StorageError) in try storage.sizeBytes(name) }
        var window = FileWindow(storage: storage)
        var offset = 0
        var spoiled: Int?
        while offset + BlockHeader.alignmentBytes <= sizeBytes {
            let bytes = try window.bytes(file, at: offset, count: BlockHeader.alignmentBytes)
            guard let header = try Self.block(&window, bytes, file, log, number, offset, sizeBytes) else {
                let isZero = ts_is_zero(
                    try window.bytes(file, at: offset, count: BlockHeader.alignmentBytes),
                    BlockHeader.alignmentBytes)
                if !isZero { spoiled = spoiled ?? offset }
                offset += BlockHeader.alignmentBytes
                continue
            }
            if let place = spoiled {
                faults.append(
                    RecoveryFault(
                        .damage, file: file, offset: place,
                        "damaged: no whole block stands here, although one follows at offset \(offset)."))
                spoiled = nil
                nextLsn = nil
            }
            if let nextLsn, header.firstLsn != nextLsn {
                faults.append(
                    RecoveryFault(
                        .damage, file: file, offset: offset,
                        "damaged: the block here begins with event \(header.firstLsn), it should be \(nextLsn)."))
            }
            note(header)
            offset += header.lengthBytes
        }
        if let place = spoiled { unreadable = (place, sizeBytes - place) }
    }

    private var nextLsn: UInt64?

    private mutating func note(_ header: BlockHeader) {
        blockCount += 1
        nextLsn = header.firstLsn + UInt64(header.eventCount)
        sequences =
            min(sequences?.lowerBound ?? .max, header.sequence)...max(sequences?.upperBound ?? 0, header.sequence)
        if header.eventCount > 0 {
            lsns = min(lsns?.lowerBound ?? .max, header.firstLsn)...max(lsns?.upperBound ?? 0, header.lastLsn)
        }
    }

    private static func block(
        _ window: inout FileWindow, _ bytes: UnsafeRawPointer, _ file: String, _ log: UInt64, _ number: UInt64,
        _ offset: Int, _ sizeBytes: Int
    ) throws(RecoveryFault) -> BlockHeader? {
        guard BlockHeader.isIntact(bytes) else { return nil }
        let header = BlockHeader(bytes)
        guard header.logId == log, header.segment == number, offset + header.lengthBytes <= sizeBytes else {
            return nil
        }
        let block = try window.bytes(file, at: offset, count: header.lengthBytes)
        return header.bodyIsIntact(block) ? header : nil
    }
}
