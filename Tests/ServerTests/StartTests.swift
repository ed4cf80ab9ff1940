import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// What keeps a server from starting is said in a sentence, and the exit status is not 0.
    @Suite(.serialized) struct Starting {
        /// The refusal names all of `words`, and is an ordinary exit.
        private func expect(
            _ refused: RefusedStart, names words: [String], _ location: SourceLocation = #_sourceLocation
        ) {
            #expect(
                refused.status != nil && refused.status != 0, "\(refused.stderr)", sourceLocation: location)
            for word in words {
                #expect(refused.lastLine.contains(word), "\(refused.stderr)", sourceLocation: location)
            }
        }

        /// A server that was refused its start must not have disturbed the one that runs.
        private func expectServing(_ server: ServerProcess, _ transport: Transport) throws {
            #expect(try server.client(transport).ping(nonce: 5).nonce == 5)
        }

        @Test func aSecondServerOnTheSameData() throws {
            let first = try smallServer()
            let second = TemporaryDirectory()
            expect(
                startRefused(["--data", first.dataPath], in: second),
                names: [first.dataPath, "pid \(first.pid)", "is using it"])
            try expectServing(first, .unix)
            stop(first)
            let third = try smallServer(["--data", first.dataPath], in: second)
            try expectServing(third, .tcp)
            stop(third)
        }

        @Test func aSecondServerOnTheSameAddress() throws {
            let first = try smallServer()
            expect(
                startRefused(["--listen", "127.0.0.1:\(first.port)"]),
                names: ["127.0.0.1:\(first.port)", "another program listens there"])
            expect(
                startRefused(["--listen", "unix:\(first.unixPath)"]),
                names: [first.unixPath, "another program listens there"])
            for transport in Transport.allCases { try expectServing(first, transport) }
            stop(first)
            #expect(
                !FileManager.default.fileExists(atPath: first.unixPath), "the socket goes with its server")
        }

        /// A killed server leaves its socket behind; a file that is no socket is somebody's.
        @Test func whatLiesInTheWayOfASocket() throws {
            let directory = TemporaryDirectory()
            let first = try smallServer(in: directory)
            first.kill(SIGKILL)
            #expect(first.wait() == .killed(signal: SIGKILL))
            #expect(FileManager.default.fileExists(atPath: first.unixPath))
            let second = try smallServer(in: directory)
            try expectServing(second, .unix)
            stop(second)
            let path = directory.path + "/precious"
            try "precious".write(toFile: path, atomically: true, encoding: .utf8)
            expect(startRefused(["--listen", "unix:\(path)"]), names: [path, "no socket"])
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }

        // MARK: The data directory

        @Test func aMissingParentIsMade() throws {
            let directory = TemporaryDirectory()
            let server = try smallServer(["--data", directory.path + "/a/b/c"], in: directory)
            #expect(FileManager.default.fileExists(atPath: directory.path + "/a/b/c"))
            stop(server)
        }

        @Test func aFileIsNoDirectory() throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/file"
            try "text".write(toFile: path, atomically: true, encoding: .utf8)
            expect(startRefused(["--data", path], in: directory), names: [path, "not a directory"])
            expect(startRefused(["--data", path + "/below"], in: directory), names: [path, "directory"])
        }

        @Test func aDirectoryThatMayNotBeRead() throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/closed"
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0])
            if access(path, R_OK) == 0 {
                // Nothing is denied to root: a log that is no file is as unreadable.
                try FileManager.default.createDirectory(
                    atPath: path + "/MANIFEST", withIntermediateDirectories: true)
            }
            let refused = startRefused(["--data", path], in: directory)
            expect(refused, names: ["closed"])
        }

        @Test func aDirectoryOfAnotherKind() throws {
            let refused = startRefused(["--data", "/proc"])
            expect(refused, names: ["/proc"])
        }

        /// A file system of its own, as small as it has to be; nil, and a printed reason, where this user may
        /// not mount one.
        private func smallFileSystem(_ directory: TemporaryDirectory, sizeBytes: Int) throws -> String? {
            let path = directory.path + "/small"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard mount("none", path, "tmpfs", 0, "size=\(sizeBytes)") == 0 else {
                print("skipped: no full disk without the right to mount: \(String(cString: strerror(errno)))")
                return nil
            }
            return path
        }

        @Test func aFullDisk() throws {
            let directory = TemporaryDirectory()
            guard let path = try smallFileSystem(directory, sizeBytes: 3 << 20) else { return }
            defer { umount2(path, Int32(MNT_DETACH)) }
            let refused = startRefused(["--data", path + "/data", "--segment-size", "4MiB"], in: directory)
            expect(refused, names: ["No space left"])
            // Once there is room, nothing of that start is in the way.
            #expect(mount("none", path, "tmpfs", UInt(MS_REMOUNT), "size=64m") == 0)
            let server = try smallServer(["--data", path + "/data"], in: directory)
            try expectServing(server, .unix)
            stop(server)
        }

        // MARK: io_uring

        @Test(arguments: [
            (EPERM, ["io_uring", "seccomp", "io_uring_setup"]), (ENOSYS, ["io_uring", "kernel", "6.1"]),
        ])
        func withoutTheRing(_ refusal: Int32, _ words: [String]) throws {
            let refused = startRefused(
                ["\(refusal)", try ServerProcess.executablePath("timesaled")],
                executable: try ServerProcess.executablePath("without-io-uring"))
            #expect(refused.status != nil && refused.status != 0, "\(refused.stderr)")
            for word in words { #expect(refused.firstLine.contains(word), "\(refused.stderr)") }
        }
    }
}
