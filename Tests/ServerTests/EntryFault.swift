import Protocol
import TestSupport
import Testing

/// A change of one field of an entry, and the code it gets.
struct EntryFault {
    var name: String
    var code: ResultCode
    var change: (inout [UInt8]) -> Void

    static func store<Word: FixedWidthInteger>(_ word: Word, _ offset: Int) -> (inout [UInt8]) ->
        Void
    {
        { bytes in
            for index in 0..<Word.bitWidth / 8 {
                bytes[offset + index] = UInt8(truncatingIfNeeded: word >> (8 * index))
            }
        }
    }

    static func storeId(_ id: Id128, _ offset: Int) -> (inout [UInt8]) -> Void {
        { bytes in
            for index in 0..<8 {
                bytes[offset + index] = UInt8(truncatingIfNeeded: id.high >> (56 - 8 * index))
                bytes[offset + 8 + index] = UInt8(truncatingIfNeeded: id.low >> (56 - 8 * index))
            }
        }
    }

    static func ids(of user: Id128, at offset: Int) -> [EntryFault] {
        let partition = Partition.of(user: user)
        let nowMs = wallClockMs()
        func id(_ timeMs: UInt64, _ partition: Int) -> Id128 {
            .version7(timeMs: timeMs, partition: partition, random: 12345)
        }
        var version4 = id(nowMs, partition)
        version4.high = version4.high & ~0xf000 | 0x4000
        var otherVariant = id(nowMs, partition)
        otherVariant.low |= 1 << 62
        return [
            EntryFault(name: "id zero", code: .invalidId, change: storeId(.zero, offset)),
            EntryFault(name: "version 4", code: .invalidId, change: storeId(version4, offset)),
            EntryFault(name: "variant 11", code: .invalidId, change: storeId(otherVariant, offset)),
            EntryFault(
                name: "another partition", code: .wrongPartition,
                change: storeId(id(nowMs, (partition + 1) % 4096), offset)),
            EntryFault(
                name: "the other half of the partitions", code: .wrongPartition,
                change: storeId(id(nowMs, partition ^ 2048), offset)),
            EntryFault(
                name: "minted in 10 minutes", code: .idInFuture,
                change: storeId(id(nowMs + 600_000, partition), offset)),
            EntryFault(
                name: "minted 8 days ago", code: .idTooOld,
                change: storeId(id(nowMs - 8 * 86_400_000, partition), offset)),
        ]
    }

    /// Sends all faults in one frame, each between two right entries, and each in a frame of its own.
    static func present<Entry: WireStruct, Result: WireStruct>(
        _ faults: [EntryFault], _ operation: Protocol.Operation, _ client: TestClient,
        code: KeyPath<Result, ResultCode>, right: () -> Entry
    ) throws {
        var body: [UInt8] = []
        for fault in faults {
            var entry = Entry.pack([right()])
            fault.change(&entry)
            let alone: [Result] = try client.call(operation, entry).results()
            #expect(alone[0][keyPath: code] == fault.code, "\(operation), \(fault.name)")
            body += Entry.pack([right()]) + entry
        }
        let together: [Result] = try client.call(operation, body + Entry.pack([right()])).results()
        for (index, result) in together.enumerated() {
            let wanted = index % 2 == 1 ? faults[index / 2].code : .ok
            #expect(result[keyPath: code] == wanted, "\(operation), entry \(index)")
        }
    }
}
