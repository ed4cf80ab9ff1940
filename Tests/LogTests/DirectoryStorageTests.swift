import Foundation
import SimulatedStorage
import Storage
import TestSupport
import Testing

@testable import Log

/// The data directory on a real disk: what it does, what it refuses, and in which words.
@Suite struct DirectoryStorageTests {
    @Test func aLogOnARealDisk() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/a/b/data"
        for round in 0..<2 {
            let storage = try DirectoryStorage.openDirectory(path: path, create: true)
            var notes: [RecoveryNote] = []
            let state = try Recovery.recover(
                storage: storage, configuration: LogRig.configuration(shards: round + 1), memory: .zeroed,
                nowMs: 0
            ) { notes.append($0) }
            #expect(state.shards.count == round + 1)
            #expect(notes == [round == 0 ? .created(shards: 1) : .resharded(from: 1, to: 2, generation: 2)])
            #expect(storage.lockFd >= 0)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(names.count == 5, "\(names)")
    }

    @Test func filesAreWhatWasWritten() throws {
        let directory = TemporaryDirectory()
        let storage = try DirectoryStorage.openDirectory(path: directory.path, create: false)
        try storage.create("a")
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try bytes.withUnsafeBytes { try storage.write("a", at: 10, $0) }
        #expect(try storage.sizeBytes("a") == 100_010)
        try storage.sync("a")
        try storage.rename("a", to: "b")
        try storage.syncDirectory()
        var read = [UInt8](repeating: 1, count: 200_000)
        let count = try read.withUnsafeMutableBytes { try storage.read("b", at: 10, into: $0) }
        #expect(count == 100_000 && Array(read[..<count]) == bytes)
        #expect(try Set(storage.list()) == ["b", "LOCK"])
        try storage.create("b")
        #expect(try storage.sizeBytes("b") == 0)
        try storage.remove("b")
        let error = #expect(throws: StorageError.self) { try storage.sizeBytes("b") }
        #expect(error?.code == ENOENT)
        #expect(error?.description == "cannot look at \(directory.path)/b: No such file or directory")
    }

    @Test func whatIsNoDirectory() throws {
        let directory = TemporaryDirectory()
        let missing = #expect(throws: StorageError.self) {
            _ = try DirectoryStorage.openDirectory(path: "\(directory.path)/x", create: false)
        }
        #expect(missing?.reason == "there is no such directory")
        #expect(FileManager.default.createFile(atPath: "\(directory.path)/file", contents: nil))
        let file = #expect(throws: StorageError.self) {
            _ = try DirectoryStorage.openDirectory(path: "\(directory.path)/file", create: false)
        }
        #expect(file?.reason == "it is not a directory")
        #expect(throws: StorageError.self) {
            _ = try DirectoryStorage.openDirectory(path: "\(directory.path)/file/data", create: true)
        }
    }

    /// root may write anywhere, so that this says nothing there.
    @Test(.enabled(if: geteuid() != 0)) func whatMayNotBeWritten() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o500)
        defer { chmod(directory.path, 0o700) }
        let error = #expect(throws: StorageError.self) {
            _ = try DirectoryStorage.openDirectory(path: directory.path, create: false)
        }
        #expect(error?.reason == "this user may not write in the data directory")
    }

    @Test func aSecondProcessIsToldWhoIsThere() throws {
        let directory = TemporaryDirectory()
        var first: DirectoryStorage? = try DirectoryStorage.openDirectory(path: directory.path, create: false)
        let error = #expect(throws: StorageError.self) {
            _ = try DirectoryStorage.openDirectory(path: directory.path, create: false, lockTimeoutMs: 50)
        }
        #expect(error?.reason.contains("pid \(getpid()) is using it") == true)
        withExtendedLifetime(first) {}
        first = nil
        _ = try DirectoryStorage.openDirectory(path: directory.path, create: false, lockTimeoutMs: 50)
    }

    /// A killed server's lock goes when the kernel has finished its writes: that is waited for.
    @Test func aLockThatGoesIsWaitedFor() throws {
        let directory = TemporaryDirectory()
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/flock") else { return }
        holder.arguments = ["\(directory.path)/LOCK", "sh", "-c", "echo locked; sleep 0.3"]
        let pipe = Pipe()
        holder.standardOutput = pipe
        try holder.run()
        #expect(try pipe.fileHandleForReading.read(upToCount: 6)?.count == 6)
        _ = try DirectoryStorage.openDirectory(path: directory.path, create: false)
        holder.waitUntilExit()
    }

    @Test func aReaderNeitherLocksNorWrites() throws {
        let directory = TemporaryDirectory()
        let server = try DirectoryStorage.openDirectory(path: directory.path, create: false)
        let reader = try DirectoryStorage.openForReading(path: directory.path)
        #expect(try reader.list() == ["LOCK"])
        for change: () throws -> Void in [
            { try reader.create("x") }, { try reader.remove("LOCK") }, { try reader.rename("LOCK", to: "x") },
            { try reader.sync("LOCK") }, { try reader.syncDirectory() },
            { try [1].withUnsafeBytes { try reader.write("LOCK", at: 0, $0) } },
        ] {
            let error = #expect(throws: StorageError.self) { try change() }
            #expect(error?.code == EROFS)
        }
        #expect(try server.list() == ["LOCK"])
    }
}
