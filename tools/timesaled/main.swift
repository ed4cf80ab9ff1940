// timesaled: reads the options, runs the server.

import Foundation
import ServerOptions

/// Runs until the server is asked to stop; returns the exit code.
func runServer(_ options: Options) -> Int32 {
    print("options: \(options)")
    return 0
}

/// A function of its own: variables at the top level would belong to the main actor.
func main() -> Int32 {
    do throws(OptionsError) {
        let options = try Options.parse(
            arguments: Array(CommandLine.arguments.dropFirst()),
            environment: ProcessInfo.processInfo.environment)
        return runServer(options)
    } catch .information(let text) {
        print(text)
        return 0
    } catch {
        FileHandle.standardError.write(Data("timesaled: \(error.message)\n".utf8))
        return error.exitCode
    }
}

exit(main())
