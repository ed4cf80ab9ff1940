import TestSupport

extension ServerProcess {
    /// A server whose log comes in so short pieces that snapshots, and what follows from them, take seconds. With an
    /// archive beside its data, if one is wanted.
    convenience init(
        shards: Int, archives: Bool, in directory: TemporaryDirectory, _ arguments: [String]
    ) throws {
        try self.init(
            [
                "--shards", "\(shards)", "--segment-size", "2MiB", "--log-ahead", "4MiB", "--snapshot-after", "1MiB",
                "--users", "100000",
            ] + arguments + (archives ? ["--archive", directory.path + "/archive"] : []), in: directory,
            readyWithinMs: 60_000)
    }
}
