import Protocol
import TestSupport

/// What shows that a count of 0 means something.
enum Controls {
    /// A program that calls the counted functions on purpose is counted right, call by call.
    static func everyFunctionIsCounted(_ program: String, counter: String) throws {
        let process = try CountedProcess(program, counter: counter)
        guard let thread = try process.threads("on purpose")["on purpose"] else {
            throw HotPathFault("the thread that allocates on purpose is not counted")
        }
        for (index, function) in CounterFile.functions.enumerated()
        where thread.counts[index] != UInt64(index + 1) {
            throw HotPathFault("\(index + 1) calls of \(function), \(thread.counts[index]) counted")
        }
        say("control: \(CounterFile.functions.count) functions called on purpose, each counted")
    }

    /// The counter counts inside the server too: a connection and its buffers are allocated by its shard.
    static func aConnectionIsCounted(_ process: CountedProcess) throws {
        let calls = try process.calls(of: "shard ", threads: 1) {
            let client = try process.server.client(shard: 0)
            _ = try client.ping()
        }
        guard let counts = calls["shard 0"], counts[0] > 0 else {
            throw HotPathFault("a new connection is not counted on shard 0: \(calls)")
        }
        let backtrace = try process.backtrace(ofThread: "shard 0")
        guard backtrace.count > 2 else { throw HotPathFault("no backtrace of the connection's memory") }
        say("control: a new connection, \(counts[0]) calls of malloc on shard 0, backtrace printed")
    }
}
