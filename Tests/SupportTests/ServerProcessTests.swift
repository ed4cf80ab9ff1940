import Foundation
import Testing
import TimesaleSpawn

@testable import TestSupport

/// Shows, with shell scripts in the place of a server, that its start, end and output are seen as they are.
@Suite struct ServerProcessTests {
    private func script(_ text: String, in directory: TemporaryDirectory) throws -> String {
        let path = directory.path + "/server"
        try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    private let listening = "echo listening on 127.0.0.1:43121\necho listening on unix:/x\necho ready\n"

    private func start(
        _ text: String, _ arguments: [String] = [], in directory: TemporaryDirectory = TemporaryDirectory(),
        readyWithinMs: Int = 30_000
    ) throws -> ServerProcess {
        let path = try script(text, in: directory)
        var server = startOnce(path, arguments, in: directory, readyWithinMs)
        // Another test's child, forked while the script was being written, holds it open until it executes its
        // own program.
        while case .failure(.notStarted(_, ETXTBSY)) = server {
            sched_yield()
            server = startOnce(path, arguments, in: directory, readyWithinMs)
        }
        return try server.get()
    }

    private func startOnce(
        _ path: String, _ arguments: [String], in directory: TemporaryDirectory, _ readyWithinMs: Int
    ) -> Result<ServerProcess, ServerProcess.Fault> {
        Result { () throws(ServerProcess.Fault) in
            try ServerProcess(arguments, in: directory, executable: path, readyWithinMs: readyWithinMs)
        }
    }

    @Test func isReadyWithItsAddresses() throws {
        let server = try start(listening + "exec sleep 1000")
        #expect(server.port == 43121)
        #expect(server.addresses == ["127.0.0.1:43121", "unix:/x"])
        #expect(server.wait(timeoutMs: 1) == nil)
        server.kill(SIGTERM)
        #expect(server.wait() == .killed(signal: SIGTERM))
        server.kill(SIGKILL)
    }

    @Test func exitStatusAndOutputAreKept() throws {
        let server = try start(listening + "echo more; echo oops >&2; exit 3")
        #expect(server.wait() == .exited(3))
        #expect(server.stderr == "oops\n")
        #expect(server.stdout.last == "more")
    }

    @Test func argumentsAreGiven() throws {
        let server = try start("echo \"$@\"\n" + listening, ["--shards", "2"])
        #expect(
            server.stdout.first
                == "--data \(server.dataPath) --listen 127.0.0.1:0 --listen unix:\(server.unixPath) --shards 2"
        )
    }

    /// More than a pipe holds, in both streams: nobody must stand still.
    @Test func manyLinesBlockNobody() throws {
        let server = try start(listening + "seq 100000; seq 100000 >&2")
        #expect(server.wait() == .exited(0))
        #expect(server.stdout.last == "100000")
        #expect(server.stderr.hasSuffix("100000\n"))
    }

    @Test func anEarlyExitIsTold() throws {
        let error = #expect(throws: ServerProcess.Fault.self) { try start("echo no disk >&2; exit 2") }
        guard case .exited(.exited(2), "no disk\n")? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func aServerThatIsNeverReadyIsEnded() throws {
        let error = #expect(throws: ServerProcess.Fault.self) {
            try start("echo $$; exec sleep 1000", readyWithinMs: 2000)
        }
        guard case .notReady(let lines, _)? = error, let pid = lines.first.flatMap({ Int32($0) }) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
    }

    @Test func deinitEndsTheProcess() throws {
        var server: ServerProcess? = try start(listening + "trap '' TERM; exec sleep 1000")
        let pid = try #require(server?.pid)
        let path = try #require(server?.directory.path)
        #expect(kill(pid, 0) == 0)
        server = nil
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func theChildInheritsNothing() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        // `ls` itself has the directory open, as one more.
        let server = try start("ls /proc/self/fd | tr '\\n' ' '; echo\n" + listening)
        #expect(server.stdout[0].trimmingCharacters(in: .whitespaces) == "0 1 2 3")
    }

    @Test func settingsOfTheShellAreLeftOut() {
        let shell = ["PATH": "/bin", "TIMESALE_SHARDS": "64", "TIMESALED": "x"]
        #expect(childEnvironment(from: shell) == ["PATH": "/bin", "TIMESALED": "x"])
        let server = try? start("env\n" + listening)
        #expect(server?.stdout.contains { $0.hasPrefix("PATH=") } == true)
    }

    @Test func theSameDirectoryServesAgain() throws {
        let directory = TemporaryDirectory()
        for life in 1...2 {
            let server = try start(
                "mkdir -p $2; echo life >> $2/lives; cat $2/lives\n" + listening, in: directory)
            #expect(server.wait() == .exited(0))
            #expect(server.stdout.filter { $0 == "life" }.count == life)
        }
    }

    @Test func aMissingExecutableIsTold() {
        #expect(throws: ServerProcess.Fault.self) { try ServerProcess.executablePath("no-such-program") }
        #expect(throws: ServerProcess.Fault.self) { try ServerProcess(executable: "/nowhere/timesaled") }
    }
}
