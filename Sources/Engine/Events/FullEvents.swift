import Protocol

/// Makes the short orders of a block full (`ShortOrders`), so that whoever reads events meets one form of each kind.
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
        var left = count
        while left > 0 {
            let rest = UnsafeRawBufferPointer(rebasing: logged[from...])
            let event = base + from
            if let orders = ShortOrders.count(atStartOf: rest) {
                guard let model, orders <= left else { break }
                if made == nil {
                    made = room(for: logged.count)
                    made!.copyMemory(from: base, byteCount: from)
                }
                for number in 0..<orders {
                    let ids = event + ShortOrders.headBytes + number * ShortOrders.idsBytes
                    Self.fill(made! + to, head: event, ids: ids, model)
                    to += EventKind.orderPlaced.sizeBytes
                }
                from += ShortOrders.headBytes + orders * ShortOrders.idsBytes
                left -= orders
            } else {
                guard let kind = try? EventKind.read(rest) else { break }
                if kind == .orderPlaced { model = event }
                let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
                made.map { ($0 + to).copyMemory(from: event, byteCount: sizeBytes) }
                from += sizeBytes
                to += sizeBytes
                left -= 1
            }
        }
        guard let made else { return logged }
        (made + to).copyMemory(from: base + from, byteCount: logged.count - from)
        return UnsafeRawBufferPointer(start: made, count: to + logged.count - from)
    }

    /// Room for what so many bytes can become.
    private func room(for loggedBytes: Int) -> UnsafeMutableRawPointer {
        let mostBytes = (loggedBytes / ShortOrders.idsBytes + 1) * EventKind.orderPlaced.sizeBytes
        if memory == nil || memory!.count < mostBytes {
            memory?.deallocate()
            memory = .allocate(byteCount: mostBytes, alignment: 64)
        }
        return memory!.baseAddress!
    }

    private static func fill(
        _ full: UnsafeMutableRawPointer, head: UnsafeRawPointer, ids: UnsafeRawPointer, _ model: UnsafeRawPointer
    ) {
        full.copyMemory(from: model, byteCount: EventKind.orderPlaced.sizeBytes)
        full.storeLE(head.loadLE(EventField.flags, as: UInt8.self), EventField.flags)
        full.storeLE(head.loadLE(EventField.quantity, as: UInt32.self), EventField.quantity)
        (full + EventField.id).copyMemory(from: ids, byteCount: ShortOrders.idsBytes)
    }
}

extension ShortOrders {
    /// How many short orders these bytes begin with, all of them whole; nil: with something else.
    fileprivate static func count(atStartOf bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= headBytes + idsBytes, let base = bytes.baseAddress,
            base.loadLE(EventField.kind, as: UInt8.self) == EventKind.orderPlaced.rawValue
        else { return nil }
        let sizeBytes = Int(base.loadLE(EventField.size, as: UInt16.self))
        return sizeBytes <= bytes.count ? count(sizeBytes: sizeBytes) : nil
    }
}
