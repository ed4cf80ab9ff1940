import Foundation

/// The command line of a program with fuzz targets.
public enum FuzzProgram {
    static let usage = """
        usage: fuzz list
               fuzz run TARGET --corpus DIR [--iterations N | --seconds N] [--seed N]
               fuzz cover TARGET DIR... [libFuzzer's options]
               fuzz TARGET FILE...

        `run` makes inputs of those in the corpus, the same for the same seed. `cover` lets libFuzzer do it, which goes
        where no input has been; the program has to be built for that (`make fuzz` does). The last runs the files: what
        a crash left behind.
        """

    /// Does what the arguments ask for; answers the exit code.
    public static func main(_ targets: [FuzzTarget], _ arguments: [String]) -> Int32 {
        guard let first = arguments.dropFirst().first else { return refuse(usage) }
        if first == "list" {
            for target in targets { print(target.name) }
            return 0
        }
        let isCommand = first == "run" || first == "cover"
        let rest = Array(arguments.dropFirst(isCommand ? 2 : 1))
        guard let name = rest.first, let target = targets.first(where: { $0.name == name }) else {
            return refuse("there is no target \(rest.first ?? "without a name"); see: fuzz list\n\(usage)")
        }
        let replay = "\(arguments[0]) \(target.name)"
        do {
            switch first {
            case "run": return try run(target, Array(rest.dropFirst()), replay: replay)
            case "cover": return cover(target, [arguments[0]] + rest.dropFirst())
            default: return try replayFiles(target, Array(rest.dropFirst()), replay: replay)
            }
        } catch {
            return refuse("\(error.localizedDescription)")
        }
    }

    private static func refuse(_ text: String) -> Int32 {
        CrashReport.say(text)
        return 64
    }

    private static func run(_ target: FuzzTarget, _ options: [String], replay: String) throws -> Int32 {
        var limit = FuzzRun.Limit()
        var seed: UInt64 = 1
        var folder: String?
        for index in stride(from: 0, to: options.count, by: 2) {
            guard index + 1 < options.count else { return refuse("\(options[index]) needs a value") }
            let value = options[index + 1]
            switch options[index] {
            case "--corpus": folder = value
            case "--iterations": limit.iterations = Int(value) ?? 0
            case "--seconds": limit.seconds = Double(value) ?? 0
            case "--seed": seed = UInt64(value) ?? 0
            default: return refuse("there is no option \(options[index])\n\(usage)")
            }
        }
        guard let folder, limit.iterations < .max || limit.seconds < .infinity, limit.iterations > 0 else {
            return refuse("a run needs a corpus and an end\n\(usage)")
        }
        let corpus = try Corpus.read(folder).map(\.bytes)
        guard !corpus.isEmpty else { return refuse("there is nothing in \(folder)") }
        let path = "\(FileManager.default.temporaryDirectory.path)/fuzz-\(target.name)-\(getpid())"
        CrashReport.keepInputs(of: target, in: path, replay: replay)
        let begin = Date()
        let count = FuzzRun(target: target, corpus: corpus, seed: seed).run(limit)
        unlink(path)
        let seconds = Date().timeIntervalSince(begin)
        let rate = String(format: "%.1f s, %.0f/s", seconds, Double(count) / max(seconds, 0.001))
        print("\(target.name): \(count) inputs, \(corpus.count) of them from the corpus, seed \(seed), \(rate)")
        return 0
    }

    private static func replayFiles(_ target: FuzzTarget, _ files: [String], replay: String) throws -> Int32 {
        guard !files.isEmpty else { return refuse(usage) }
        for file in files {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            FuzzRun(target: target, corpus: [], seed: 0).once(bytes)
            print("\(target.name) \(file): all is well")
        }
        return 0
    }

    private static func cover(_ target: FuzzTarget, _ arguments: [String]) -> Int32 {
        #if LIBFUZZER
            let sizeMax = "-max_len=\(target.sizeMaxBytes)"
            return LibFuzzer.run(target, arguments + [sizeMax])
        #else
            return refuse("this build has no libFuzzer; `make fuzz` makes one that has")
        #endif
    }
}
