import CUring
import Glibc

/// What a completion belongs to: a kind in the upper eight bits of `user_data`, a payload in the lower 56.
struct CompletionTag {
    enum Kind: UInt64 {
        case ignored = 0
        case accept, greet, receive, send, cancel, logWrite, logSync, doorbell, wake, handOver, handOverSent
    }

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(_ kind: Kind, _ payload: UInt64 = 0) {
        precondition(payload >> 56 == 0)
        rawValue = kind.rawValue << 56 | payload
    }

    @inline(__always)
    var kind: Kind { Kind(rawValue: rawValue >> 56)! }

    @inline(__always)
    var payload: UInt64 { rawValue & (1 << 56 - 1) }
}

/// An io_uring that belongs to one thread: the only file that knows how it is set up and submitted to.
///
/// SINGLE_ISSUER and DEFER_TASKRUN (io_uring_setup(2)): the kernel does its part of the work inside our own
/// `submitAndWait`, in batches, instead of interrupting the thread.
struct Ring: ~Copyable {
    private let ring: UnsafeMutablePointer<io_uring>

    /// To be called on the thread that will use the ring.
    init(entries: UInt32) throws(RingError) {
        ring = .allocate(capacity: 1)
        ring.initialize(to: io_uring())
        var parameters = io_uring_params()
        parameters.flags =
            UInt32(IORING_SETUP_SINGLE_ISSUER) | UInt32(IORING_SETUP_DEFER_TASKRUN)
            | UInt32(IORING_SETUP_TASKRUN_FLAG) | UInt32(IORING_SETUP_CQSIZE)
            | UInt32(IORING_SETUP_SUBMIT_ALL) | UInt32(IORING_SETUP_CLAMP)
        parameters.cq_entries = entries * 4
        let code = io_uring_queue_init_params(entries, ring, &parameters)
        guard code == 0 else { throw RingError(code: -code) }
    }

    /// Closes the ring. Buffers of operations still under way must live on.
    func close() { io_uring_queue_exit(ring) }

    /// The descriptor by which other rings send messages to this one.
    var descriptor: Int32 { ts_ring_fd(ring) }

    /// A free submission entry; submits what is there when all are taken.
    @inline(__always)
    private func entry(_ tag: CompletionTag) -> UnsafeMutablePointer<io_uring_sqe> {
        while true {
            if let entry = io_uring_get_sqe(ring) { return entry }
            _ = io_uring_submit(ring)
        }
    }

    // MARK: Operations

    func accept(_ listener: Int32, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_multishot_accept(entry, listener, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    func receive(_ socket: Int32, into bytes: UnsafeMutableRawPointer, _ count: Int, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_recv(entry, socket, bytes, count, 0)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    /// Receives until it is cancelled, the peer ends, or buffers run out: see `ReceiveBuffers`.
    @inline(__always)
    func receiveMultishot(_ socket: Int32, group: UInt16, _ tag: CompletionTag) {
        let entry = entry(tag)
        ts_prep_recv_multishot(entry, socket, group)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    @inline(__always)
    func send(_ socket: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_send(entry, socket, bytes, count, Int32(MSG_NOSIGNAL | MSG_WAITALL))
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    /// Cancels the operation submitted with `target`.
    func cancel(_ target: CompletionTag, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_cancel64(entry, target.rawValue, 0)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    func write(
        _ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int, at offset: Int, isDurable: Bool,
        _ tag: CompletionTag
    ) {
        let entry = entry(tag)
        ts_prep_write(entry, file, bytes, UInt32(count), UInt64(offset), isDurable ? 1 : 0)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    func syncData(_ file: Int32, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_fsync(entry, file, UInt32(IORING_FSYNC_DATASYNC))
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    func read(_ file: Int32, into bytes: UnsafeMutableRawPointer, _ count: Int, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_read(entry, file, bytes, UInt32(count), 0)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    /// Puts a completion with `message` into another thread's ring.
    func send(_ message: CompletionTag, to ringDescriptor: Int32, _ tag: CompletionTag) {
        let entry = entry(tag)
        io_uring_prep_msg_ring(entry, ringDescriptor, 0, message.rawValue, 0)
        io_uring_sqe_set_data64(entry, tag.rawValue)
    }

    // MARK: Submitting and completing

    /// Submits what is prepared, and comes back at once.
    @inline(__always)
    func submit() { _ = io_uring_submit(ring) }

    /// Whether `submitAndWait` would come back at once with something.
    @inline(__always)
    var hasWork: Bool { ts_ring_has_work(ring) != 0 }

    /// Submits, lets the kernel do its deferred work, and waits for a completion: at most `timeoutMs`, not
    /// at all if that is 0.
    @inline(__always)
    func submitAndWait(timeoutMs: UInt64) {
        if timeoutMs == 0 {
            _ = io_uring_submit_and_get_events(ring)
            return
        }
        var completion: UnsafeMutablePointer<io_uring_cqe>?
        var timeout = __kernel_timespec()
        timeout.tv_sec = Int64(timeoutMs / 1000)
        timeout.tv_nsec = Int64(timeoutMs % 1000) * 1_000_000
        _ = io_uring_submit_and_wait_timeout(ring, &completion, 1, &timeout, nil)
    }

    struct Completion {
        var tag: CompletionTag
        var result: Int32
        var flags: UInt32

        @inline(__always)
        var hasMore: Bool { flags & UInt32(IORING_CQE_F_MORE) != 0 }
        @inline(__always)
        var bufferId: Int? { flags & UInt32(IORING_CQE_F_BUFFER) != 0 ? Int(flags >> 16) : nil }
        @inline(__always)
        var bufferHasMore: Bool { flags & UInt32(TS_CQE_F_BUF_MORE) != 0 }
    }

    /// Takes the oldest completion.
    @inline(__always)
    func nextCompletion() -> Completion? {
        guard let entry = ts_peek_cqe(ring) else { return nil }
        let completion = Completion(
            tag: CompletionTag(rawValue: entry.pointee.user_data), result: entry.pointee.res,
            flags: entry.pointee.flags)
        io_uring_cq_advance(ring, 1)
        return completion
    }

    /// Holds a file open for as long as any operation of this ring is under way, also after the end of the
    /// process: a lock on it outlives the last write of a killed server.
    func hold(_ file: Int32) throws(RingError) {
        var file = file
        let code = io_uring_register_files(ring, &file, 1)
        guard code == 0 else { throw RingError(code: -code) }
    }

    /// Registers a ring of provided buffers; answers whether the kernel consumes them piece by piece.
    func register(_ entries: UnsafeMutableRawPointer, count: Int, group: UInt16) throws(RingError) -> Bool {
        if ts_register_buf_ring(ring, entries, UInt32(count), group, 1) == 0 { return true }
        let code = ts_register_buf_ring(ring, entries, UInt32(count), group, 0)
        guard code == 0 else { throw RingError(code: -code) }
        return false
    }
}

/// Why there is no io_uring, and what to do about it.
public struct RingError: Error, CustomStringConvertible {
    public var code: Int32

    public var description: String {
        let disabled = Self.disabledLevel()
        switch code {
        case ENOSYS:
            return "io_uring is not in this kernel (\(Self.release())): timesale needs Linux 6.1 or newer"
        case EPERM where disabled != nil && disabled != "0":
            return "io_uring is switched off by kernel.io_uring_disabled=\(disabled!): "
                + "set it to 0 with `sysctl -w kernel.io_uring_disabled=0`"
        case EPERM, EACCES:
            return
                "io_uring is refused, most likely by a container's seccomp profile (Docker's default does): "
                + "run the container with a profile that allows io_uring_setup, io_uring_enter and "
                + "io_uring_register, or with --security-opt seccomp=unconfined"
        case EINVAL:
            return
                "this kernel (\(Self.release())) lacks an io_uring feature: timesale needs Linux 6.1 or newer"
        case ENOMEM:
            return "io_uring gets no locked memory: raise the limit (`ulimit -l`), now too low for its rings"
        default:
            return "io_uring cannot be set up: \(String(cString: strerror(code)))"
        }
    }

    private static func release() -> String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func disabledLevel() -> String? {
        guard let file = fopen("/proc/sys/kernel/io_uring_disabled", "r") else { return nil }
        defer { fclose(file) }
        let character = fgetc(file)
        return character > 32 ? String(UnicodeScalar(UInt8(character))) : nil
    }
}
