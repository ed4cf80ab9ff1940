import ArgumentParser

/// The whole program as a function: arguments in, exit status out.
public enum Tool {
    /// - Parameter arguments: without the name of the program.
    public static func run(_ arguments: [String]) async -> Int32 {
        let isJSON = arguments.contains("--json")
        do {
            var command = try await Timesale.asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch let failure as Failure {
            failure.report(isJSON: isJSON)
            return failure.exitCode
        } catch let status as ExitStatus {
            // All is said already.
            return status.rawValue
        } catch {
            return report(error, isJSON: isJSON)
        }
    }

    /// What the argument parser throws: faults of the arguments, and the texts of `--help` and its like.
    private static func report(_ error: any Error, isJSON: Bool) -> Int32 {
        if Timesale.exitCode(for: error).isSuccess {
            Descriptor.output.write(Timesale.fullMessage(for: error) + "\n")
            return ExitStatus.done.rawValue
        }
        if isJSON {
            Failure(.usage, code: "USAGE", Timesale.message(for: error)).report(isJSON: true)
        } else {
            Descriptor.errors.write(Timesale.fullMessage(for: error) + "\n")
        }
        return ExitStatus.usage.rawValue
    }
}
