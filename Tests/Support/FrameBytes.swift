import Protocol

/// Builds frames as bytes, right ones and wrong ones.
public enum FrameBytes {
    /// A sealed frame around `body`. Every header field can be given a value that the server must refuse.
    public static func make(
        operation: UInt8, status: ResultCode = .ok, requestId: UInt64, count: Int, flags: UInt16 = 0,
        retryAfterMs: UInt32 = 0, body: [UInt8]
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Frame.headerSizeBytes) + body
        bytes.withUnsafeMutableBytes {
            FrameHeader.seal(
                $0.baseAddress!, operation: operation, status: status, requestId: requestId, count: count,
                lengthBytes: $0.count, flags: flags, retryAfterMs: retryAfterMs)
        }
        return bytes
    }

    /// A request with a batch of entries.
    public static func request<Entry: WireStruct>(
        _ operation: Operation, requestId: UInt64, _ entries: [Entry]
    ) -> [UInt8] {
        make(
            operation: operation.rawValue, requestId: requestId, count: entries.count,
            body: Entry.pack(entries))
    }

    /// Puts the right checksum into a frame whose bytes were changed after sealing. The frame's size, not
    /// its length field, says how far the checksum reaches.
    public static func reseal(_ frame: inout [UInt8]) {
        frame.withUnsafeMutableBytes { bytes in
            bytes.baseAddress!.storeLE(crc32c(UnsafeRawBufferPointer(bytes).dropFirst(8)), 4)
        }
    }

    /// CRC-32C, bit by bit: independent of the code under test.
    static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
    }
}
