import CZlib
import NIOCore

/// Compresses whole answers with zlib.
enum Gzip {
    /// Nil if zlib refuses, or if it would not get smaller.
    static func compress(_ bytes: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        // 15 bits of window, and 16 for the gzip format; level 1: on the way of a request time counts more than bytes.
        let opened = deflateInit2_(
            &stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard opened == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.readableBytes)))
        var output = ByteBufferAllocator().buffer(capacity: bound)
        var isDone = false
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { target in
            bytes.withUnsafeReadableBytes { source in
                // zlib does not write to its input.
                stream.next_in = UnsafeMutablePointer(
                    mutating: source.bindMemory(to: Bytef.self).baseAddress)
                stream.avail_in = uInt(source.count)
                stream.next_out = target.bindMemory(to: Bytef.self).baseAddress
                stream.avail_out = uInt(target.count)
                isDone = deflate(&stream, Z_FINISH) == Z_STREAM_END
                return isDone ? target.count - Int(stream.avail_out) : 0
            }
        }
        return isDone && output.readableBytes < bytes.readableBytes ? output : nil
    }
}
