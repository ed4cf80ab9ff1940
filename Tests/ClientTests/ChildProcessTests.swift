import Foundation
import TestSupport
import Testing

@testable import TimesaleTestKit

/// The start of a server of a test, shown with shell scripts in its place.
@Suite struct ChildProcessTests {
    private func start(_ script: String, in directory: TemporaryDirectory) throws -> ChildProcess {
        try ChildProcess("/bin/sh", ["-c", script], output: URL(fileURLWithPath: directory.path))
    }

    private func text(_ name: String, in directory: TemporaryDirectory) -> String {
        ChildProcess.text(URL(fileURLWithPath: directory.path + "/" + name))
    }

    /// A machine that is busy with tests lets the waiting task look again only when its time is over. The server was
    /// ready long before.
    @Test func whoLooksLateFindsItReady() async throws {
        let directory = TemporaryDirectory()
        let child = try start("echo listening on 127.0.0.1:43121; echo ready; exec sleep 600", in: directory)
        defer {
            child.signal(SIGKILL)
            child.reap()
        }
        #expect(await eventually { text("stdout", in: directory).contains("ready") })
        #expect(try await child.waitUntilReady(within: .zero) == 43121)
    }

    @Test func oneThatNeverGetsReadyIsKilled() async throws {
        let directory = TemporaryDirectory()
        let child = try start("echo no room >&2; exec sleep 600", in: directory)
        #expect(await eventually { text("stderr", in: directory).contains("room") })
        let error = await #expect(throws: TimesaleServerFault.self) {
            _ = try await child.waitUntilReady(within: .milliseconds(20))
        }
        #expect("\(try #require(error))".hasSuffix("it wrote:\nno room\n"))
        #expect(kill(child.pid, 0) == -1 && errno == ESRCH)
    }

    /// One that ends is not waited for.
    @Test func oneThatEndsIsNotReady() async throws {
        let directory = TemporaryDirectory()
        let child = try start("echo no such option >&2; exit 2", in: directory)
        let error = await #expect(throws: TimesaleServerFault.self) {
            _ = try await child.waitUntilReady(within: .seconds(600))
        }
        #expect("\(try #require(error))".hasSuffix("it wrote:\nno such option\n"))
    }
}
