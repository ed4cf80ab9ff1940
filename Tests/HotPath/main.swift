// Shows that the path of an order allocates nothing: a release build of the server runs with a counter preloaded,
// and while a million orders are accepted no shard's thread calls malloc or the like once. What grows with use, as
// a connection's buffers do, has grown before.
//
//     hotpath TIMESALED COUNTER CONTROL
//
// TIMESALED is the server's release build, COUNTER the library to preload, CONTROL `allocate-on-purpose`. Exits
// with 0 if every count was as it must be, else with 1, the counts, and the first backtrace of each thread.

import Foundation

func main() -> Int32 {
    let arguments = CommandLine.arguments
    guard arguments.count == 4 else {
        FileHandle.standardError.write(Data("hotpath TIMESALED COUNTER CONTROL\n".utf8))
        return 64
    }
    do {
        try Controls.everyFunctionIsCounted(arguments[3], counter: arguments[2])
        var proof = HotPath(timesaled: arguments[1], counter: arguments[2])
        try proof.run()
        return proof.conclude() ? 0 : 1
    } catch {
        say("FAILED: \(error)")
        return 1
    }
}

/// Prints a line at once, so that a log shows how far the suite is.
func say(_ line: String) {
    print("hotpath: \(line)")
    fflush(nil)
}

exit(main())
