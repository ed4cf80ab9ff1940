import Protocol

/// Makes the short orders of a block full (`ShortOrder`), so that whoever reads events meets one form of each kind.
///
/// Memory for the events of one block, which hold until those of the next one are made. For one thread at a time.
public final class FullEvents {
    private var memory: UnsafeMutableRawBufferPointer?

    public init() {}

    deinit { memory?.deallocate() }

    /// The events of a block, `count` of them in `logged`: these bytes themselves, if no order is short. What is no
    /// event, or a short order behind no full one, is left as it is, with all behind it, for the reader to find.
    public func made(of logged: UnsafeRawBufferPointer, count: Int) -> UnsafeRawBufferPointer {
        guard let base = logged.baseAddress else { return logged }
        var model: UnsafeRawPointer?
        var made: UnsafeMutableRawPointer?
        var (from, to) = (0, 0)
        for _ in 0..<count {
            guard logged.count - from >= 16 else { break }
            let event = base + from
            let isOrder = event.loadLE(EventField.kind, as: UInt8.self) == EventKind.orderPlaced.rawValue
            let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
            guard sizeBytes >= 16, sizeBytes <= logged.count - from else { break }
            if isOrder && sizeBytes == ShortOrder.sizeBytes {
                guard let model else { break }
                if made == nil {
                    made = room(for: logged.count)
                    made!.copyMemory(from: base, byteCount: from)
                }
                Self.fill(made! + to, event, model)
                to += EventKind.orderPlaced.sizeBytes
            } else {
                if isOrder && sizeBytes == EventKind.orderPlaced.sizeBytes { model = event }
                made.map { ($0 + to).copyMemory(from: event, byteCount: sizeBytes) }
                to += sizeBytes
            }
            from += sizeBytes
        }
        guard let made else { return logged }
        (made + to).copyMemory(from: base + from, byteCount: logged.count - from)
        return UnsafeRawBufferPointer(start: made, count: to + logged.count - from)
    }

    /// Room for what so many bytes can become.
    private func room(for loggedBytes: Int) -> UnsafeMutableRawPointer {
        let mostBytes = (loggedBytes / ShortOrder.sizeBytes + 1) * EventKind.orderPlaced.sizeBytes
        if memory == nil || memory!.count < mostBytes {
            memory?.deallocate()
            memory = .allocate(byteCount: mostBytes, alignment: 64)
        }
        return memory!.baseAddress!
    }

    private static func fill(_ full: UnsafeMutableRawPointer, _ short: UnsafeRawPointer, _ model: UnsafeRawPointer) {
        full.copyMemory(from: model, byteCount: EventKind.orderPlaced.sizeBytes)
        full.storeLE(short.loadLE(EventField.flags, as: UInt8.self), EventField.flags)
        full.storeLE(short.loadLE(EventField.quantity, as: UInt32.self), EventField.quantity)
        full.storeId(short.loadId(ShortOrder.id), EventField.id)
        full.storeId(short.loadId(ShortOrder.userId), EventField.userId)
    }
}
