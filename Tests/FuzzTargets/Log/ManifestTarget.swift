import CAtomics
import Fuzzing
import Log

/// The manifest of a data directory: what can be read must, written again, be read as the same.
///
/// The first byte of an input says whether the rest is the whole text or gets the last line, the checksum, from here.
enum ManifestTarget {
    static let target = FuzzTarget(
        "manifest", "the manifest of a data directory", sizeMaxBytes: 4096,
        words: [
            "timesale-manifest 2\n", "timesale-manifest 1\n", "generation ", "next-log ", "segment-size ", "log ",
            "base ", "from ", "removed ", "snapshot ", "checksum ", "\n", " ", "-", "0", "18446744073709551615",
        ]
    ) { input in
        guard let first = input.first, let rest = String(validating: input.dropFirst(), as: UTF8.self) else { return }
        run(first & 1 == 0 ? rest : sealed(rest))
    }

    private static func sealed(_ body: String) -> String {
        var body = body
        if !body.hasSuffix("\n") { body += "\n" }
        let checksum = body.withUTF8 { ts_crc32c(0, $0.baseAddress, $0.count) }
        let digits = String(checksum, radix: 16)
        return body + "checksum " + String(repeating: "0", count: 8 - digits.count) + digits + "\n"
    }

    private static func run(_ text: String) {
        guard let manifest = try? Manifest(text: text) else { return }
        let again = try? Manifest(text: manifest.text)
        expect(again == manifest, "a manifest is not the same when it is written and read again:\n\(text)")
        expect(manifest.bases.allSatisfy { $0.starts.count == manifest.logs.count }, "a base lacks the start of a log")
        for (shard, log) in manifest.logs.enumerated() {
            let first = manifest.bases.map { $0.starts[shard].segment }.min()
            expect(manifest.firstSegment(ofLog: log) != nil && first != nil, "log \(log) starts nowhere")
        }
    }
}
