// Loads and stores of fields at fixed offsets, for the wire and for the disk.
//
// Integers are little-endian. A 128-bit id is 16 bytes in network order, as RFC 9562 prints a UUID, so
// that the bytes of any UUID library go onto the wire as they are.

extension UnsafeRawPointer {
    @inlinable @inline(__always)
    public func loadLE<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    @inlinable @inline(__always)
    public func loadId(_ offset: Int) -> Id128 {
        Id128(
            high: UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
            low: UInt64(bigEndian: loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)))
    }
}

extension UnsafeMutableRawPointer {
    @inlinable @inline(__always)
    public func loadLE<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
        UnsafeRawPointer(self).loadLE(offset, as: type)
    }

    @inlinable @inline(__always)
    public func storeLE<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    @inlinable @inline(__always)
    public func storeId(_ id: Id128, _ offset: Int) {
        storeBytes(of: id.high.bigEndian, toByteOffset: offset, as: UInt64.self)
        storeBytes(of: id.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
    }
}
