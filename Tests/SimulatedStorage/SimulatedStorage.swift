import Log

/// A data directory in memory, on a disk that forgets.
///
/// What was not synced may be gone after a power loss: each sector of each write, each creation, renaming
/// and removal of a name, independently of one another, since POSIX promises no order. Calls are counted, so
/// that a test can let each one of them fail, or crash the process before it.
public final class SimulatedStorage: LogStorage {
    /// What happens at a chosen call.
    public enum Fault: Sendable {
        /// The call fails with this errno; of a write, half is done; what a sync should have written is gone.
        case error(code: Int32)
        /// The process ends before the call, and every later one fails.
        case crash
    }

    enum NameChange {
        case set(name: String, file: Int)
        case move(from: String, to: String, file: Int)
        case remove(name: String)
    }

    private var files: [Int: SimulatedFile] = [:]
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var nameChanges: [NameChange] = []
    private var nextFile = 0

    struct InFlight {
        var log: UInt64
        var ticket: UInt64
        var name: String
        var write: SimulatedFile.Write
    }

    private var inFlight: [InFlight] = []

    /// Calls so far, of any kind.
    public private(set) var callCount = 0
    /// At this call, counted from 1, the fault happens.
    public var fault: (call: Int, kind: Fault)?
    public private(set) var isDown = false

    public init() {}

    /// Another directory with the same contents, durable as far as this one's are, without its fault.
    public func copy() -> SimulatedStorage {
        let other = SimulatedStorage()
        other.files = files
        other.names = names
        other.durableNames = durableNames
        other.nameChanges = nameChanges
        other.nextFile = nextFile
        other.inFlight = inFlight
        return other
    }

    // MARK: LogStorage

    public func list() throws(StorageError) -> [String] {
        try enter(".", "list")
        return Array(names.keys)
    }

    public func sizeBytes(_ name: String) throws(StorageError) -> Int {
        try enter(name, "look at")
        return files[try file(name, "look at")]!.current.sizeBytes
    }

    public func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer)
        throws(StorageError) -> Int
    {
        try enter(name, "read")
        return files[try file(name, "read")]!.current.read(at: offset, into: buffer)
    }

    public func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        let file = try file(name, "write")
        do {
            try enter(name, "write")
        } catch {
            if !isDown {
                files[file]!.write(Array(bytes[..<(bytes.count / 2)]), at: offset, isDurable: false)
            }
            throw error
        }
        files[file]!.write(Array(bytes), at: offset, isDurable: false)
    }

    public func create(_ name: String) throws(StorageError) {
        try enter(name, "create")
        nextFile += 1
        files[nextFile] = SimulatedFile()
        names[name] = nextFile
        nameChanges.append(.set(name: name, file: nextFile))
    }

    public func sync(_ name: String) throws(StorageError) {
        do {
            try enter(name, "sync")
        } catch {
            if !isDown, let file = names[name] { files[file]!.failSync() }
            throw error
        }
        files[try file(name, "sync")]!.sync()
    }

    public func dropCaches() throws(StorageError) {
        try enter(".", "drop what is cached of")
        for key in files.keys { files[key]!.dropCache() }
    }

    public func rename(_ name: String, to other: String) throws(StorageError) {
        try enter(name, "rename")
        let file = try file(name, "rename")
        names[name] = nil
        names[other] = file
        nameChanges.append(.move(from: name, to: other, file: file))
    }

    public func remove(_ name: String) throws(StorageError) {
        try enter(name, "remove")
        _ = try file(name, "remove")
        names[name] = nil
        nameChanges.append(.remove(name: name))
    }

    public func syncDirectory() throws(StorageError) {
        try enter(".", "sync")
        durableNames = names
        nameChanges = []
        let used = Set(names.values)
        files = files.filter { used.contains($0.key) }
    }

    private func enter(_ name: String, _ action: String) throws(StorageError) {
        if isDown {
            throw StorageError(file: name, action: action, code: 0, reason: "the simulated process has ended")
        }
        callCount += 1
        guard let fault, fault.call == callCount else { return }
        switch fault.kind {
        case .error(let code):
            throw StorageError(file: name, action: action, code: code, reason: "a fault was injected")
        case .crash:
            isDown = true
            throw StorageError(file: name, action: action, code: 0, reason: "the simulated process has ended")
        }
    }

    private func file(_ name: String, _ action: String) throws(StorageError) -> Int {
        guard let file = names[name] else {
            throw StorageError(file: name, action: action, code: 2, reason: "No such file or directory")
        }
        return file
    }

    // MARK: The log's own writes

    /// A write that the log's writer asks for is under way: a crash may leave any of its sectors.
    public func begin(_ command: WriteCommand, log: UInt64) {
        let bytes = Array(UnsafeRawBufferPointer(start: command.memory, count: command.lengthBytes))
        inFlight.append(
            InFlight(
                log: log, ticket: command.ticket, name: LogFiles.segment(log: log, number: command.segment),
                write: SimulatedFile.Write(offset: command.offsetBytes, bytes: bytes, isDurable: false)))
    }

    /// The write of this ticket is done; `isDurable` if it was one that goes through to the disk.
    public func complete(log: UInt64, ticket: UInt64, isDurable: Bool) {
        guard let place = inFlight.firstIndex(where: { $0.log == log && $0.ticket == ticket }) else {
            preconditionFailure("no such write is under way")
        }
        let done = inFlight.remove(at: place)
        files[names[done.name]!]!.write(done.write.bytes, at: done.write.offset, isDurable: isDurable)
    }

    /// A write that is under way fails, or falls short: some of its sectors are there.
    public func fail(log: UInt64, ticket: UInt64, using random: inout some RandomNumberGenerator) {
        guard let place = inFlight.firstIndex(where: { $0.log == log && $0.ticket == ticket }) else {
            preconditionFailure("no such write is under way")
        }
        let failed = inFlight.remove(at: place)
        let kept = [0, 128, 224].randomElement(using: &random)!
        files[names[failed.name]!]!.writeInPart(failed.write, sectorSizeBytes: 512) {
            Int.random(in: 0..<256, using: &random) < kept
        }
    }

    /// Carries out a sync that the log's writer asks for. A segment that a snapshot covers by now may have been
    /// removed: the writer still has it open, and all in it is durable.
    public func carryOut(_ command: SyncCommand, log: UInt64) {
        for segment in command.segments {
            guard let file = names[LogFiles.segment(log: log, number: segment)] else { continue }
            files[file]!.sync()
        }
    }

    // MARK: Ends

    /// The process is killed. The kernel still finishes writes that were under way, or never began them.
    public func kill(using random: inout some RandomNumberGenerator) {
        for write in inFlight where Bool.random(using: &random) {
            files[names[write.name]!]!.write(write.write.bytes, at: write.write.offset, isDurable: false)
        }
        restart()
    }

    /// The power fails: what was not synced, and what was under way, is there in part or not at all.
    public func losePower(using random: inout some RandomNumberGenerator) {
        let sectorSizeBytes = Bool.random(using: &random) ? 512 : 4096
        // Some disks lose everything that was under way, some nothing, most something; names and contents
        // have luck of their own.
        let namesKept = [0, 128, 128, 256].randomElement(using: &random)!
        loseNames { Int.random(in: 0..<256, using: &random) < namesKept }
        let kept = [0, 128, 224, 256].randomElement(using: &random)!
        func keeps() -> Bool { Int.random(in: 0..<256, using: &random) < kept }
        for key in files.keys.sorted() {
            files[key]!.losePower(sectorSizeBytes: sectorSizeBytes, keeps: keeps)
        }
        for write in inFlight {
            guard let file = names[write.name] else { continue }
            files[file]!.tear(write.write, sectorSizeBytes: sectorSizeBytes, keeps: keeps)
        }
        restart()
    }

    /// What is left, whatever a failure of power at this moment loses: another directory.
    public func durableCopy() -> SimulatedStorage {
        let copy = copy()
        copy.loseNames { false }
        for key in copy.files.keys { copy.files[key]!.losePower(sectorSizeBytes: 512) { false } }
        copy.restart()
        return copy
    }

    private func loseNames(keeps: () -> Bool) {
        for change in nameChanges where keeps() {
            switch change {
            case .set(let name, let file): durableNames[name] = file
            case .move(let from, let to, let file):
                if durableNames[from] == file { durableNames[from] = nil }
                durableNames[to] = file
            case .remove(let name): durableNames[name] = nil
            }
        }
        names = durableNames
        nameChanges = []
    }

    private func restart() {
        inFlight = []
        isDown = false
        fault = nil
    }

    /// Forgets writes that are under way, as if they had never begun.
    public func abandonWrites() { inFlight = [] }

    // MARK: Behind everybody's back

    /// The bytes of a file as they are now.
    public func contents(_ name: String) -> [UInt8]? {
        guard let file = names[name] else { return nil }
        var content = files[file]!.current
        content.bytes += FileContent.zeros(content.sizeBytes - content.bytes.count)
        return content.bytes
    }

    public func flipBit(_ name: String, at bit: Int) {
        files[names[name]!]!.tamper {
            let offset = bit / 8
            let byte: UInt8 = offset < $0.bytes.count ? $0.bytes[offset] : 0
            $0.write([byte ^ (1 << UInt8(bit % 8))], at: offset)
        }
    }

    public func overwrite(_ name: String, at offset: Int, _ bytes: [UInt8]) {
        files[names[name]!]!.tamper { $0.write(bytes[...], at: offset) }
    }

    public func truncate(_ name: String, to sizeBytes: Int) {
        files[names[name]!]!.tamper { $0.truncate(to: sizeBytes) }
    }

    /// Puts a file there, durable.
    public func place(_ name: String, _ bytes: [UInt8]) {
        nextFile += 1
        var file = SimulatedFile()
        file.tamper { $0.write(bytes[...], at: 0) }
        files[nextFile] = file
        names[name] = nextFile
        durableNames[name] = nextFile
    }

    /// Takes a file away, for good.
    public func lose(_ name: String) {
        names[name] = nil
        durableNames[name] = nil
    }

    public var fileNames: [String] { names.keys.sorted() }
}
