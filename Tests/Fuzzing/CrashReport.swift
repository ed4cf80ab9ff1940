import Glibc

/// Says which input a process died of, and how to run it again. A trap leaves no chance to write a file, so the input
/// lies in a file from the start: memory that is shared with it, which the kernel keeps whatever becomes of us.
public enum CrashReport {
    nonisolated(unsafe) private static var input: UnsafeMutableRawBufferPointer?
    nonisolated(unsafe) private static var descriptor: Int32 = -1
    /// What the handler of the signal writes: it may not put a text together.
    nonisolated(unsafe) private static var sentence: UnsafeMutableBufferPointer<UInt8>?
    private static let fatalSignals = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE]

    /// Keeps the input of each run in the file at `path`; from now on a fatal signal says so.
    static func keepInputs(of target: FuzzTarget, in path: String, replay: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(target.sizeMaxBytes)) == 0 else {
            return say("\(path) cannot be written: a crash will leave no input")
        }
        let memory = mmap(nil, target.sizeMaxBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { return say("no memory for the input") }
        input = UnsafeMutableRawBufferPointer(start: memory, count: target.sizeMaxBytes)
        let text = Array("fuzz: \(target.name) died of the input in \(path)\nfuzz: to replay: \(replay) \(path)\n".utf8)
        let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        _ = bytes.initialize(from: text)
        sentence = bytes
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { signal in CrashReport.died(signal) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_ONSTACK
        for signal in fatalSignals { sigaction(signal, &action, nil) }
    }

    /// The input that runs next. Answers it where it lies in the file.
    static func begin(_ bytes: [UInt8]) -> UnsafeRawBufferPointer? {
        guard let input else { return nil }
        input.copyBytes(from: bytes)
        sizeBytes = bytes.count
        return UnsafeRawBufferPointer(rebasing: input[..<bytes.count])
    }

    nonisolated(unsafe) private static var sizeBytes = 0

    /// Only what may be called in a handler of a signal.
    private static func died(_ signal: Int32) {
        _ = ftruncate(descriptor, off_t(sizeBytes))
        if let sentence { _ = write(STDERR_FILENO, sentence.baseAddress, sentence.count) }
        _ = raise(signal)
    }

    static func say(_ text: String) {
        let line = Array("fuzz: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static func abort() -> Never { Glibc.abort() }
}
