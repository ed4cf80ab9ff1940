// timesale-http: reads the options, runs the sidecar.

import Foundation
import Settings
import Sidecar

@main
struct TimesaleHTTP {
    static func main() async {
        do throws(OptionsError) {
            let options = try SidecarOptions.parse(
                arguments: Array(CommandLine.arguments.dropFirst()),
                environment: ProcessInfo.processInfo.environment)
            // A reader at the other end of a pipe waits for these lines: no buffering.
            let code = await Sidecar.run(options) { write($0, to: .standardOutput) }
            exit(code)
        } catch .information(let text) {
            print(text)
            exit(0)
        } catch {
            write("timesale-http: \(error.message)", to: .standardError)
            exit(error.exitCode)
        }
    }

    private static func write(_ line: String, to handle: FileHandle) { handle.write(Data((line + "\n").utf8)) }
}
