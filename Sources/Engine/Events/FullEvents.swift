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
            let rest = UnsafeRawBufferPointer(rebasing: logged[from...])
            let event = base + from
            if ShortOrder.isAtStart(of: rest) {
                guard let model else { break }
                if made == nil {
                    made = room(for: logged.count)
                    made!.copyMemory(from: base, byteCount: from)
                }
                Self.fill(made! + to, event, model)
                from += ShortOrder.sizeBytes
                to += EventKind.orderPlaced.sizeBytes
            } else {
                guard let kind = try? EventKind.read(rest) else { break }
                if kind == .orderPlaced { model = event }
                let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
                made.map { ($0 + to).copyMemory(from: event, byteCount: sizeBytes) }
                from += sizeBytes
                to += sizeBytes
            }
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

extension ShortOrder {
    /// Whether these bytes begin with a whole one.
    fileprivate static func isAtStart(of bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= sizeBytes, let base = bytes.baseAddress else { return false }
        return base.loadLE(EventField.kind, as: UInt8.self) == EventKind.orderPlaced.rawValue
            && base.loadLE(EventField.size, as: UInt16.self) == UInt16(sizeBytes)
    }
}
