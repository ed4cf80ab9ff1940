import ArgumentParser
import Foundation
import Log
import Storage

/// Copies the newest snapshot to where a server can start from it.
struct BackUp: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the newest snapshot to a new directory that a server can start on.",
        discussion: """
            Works on a directory in use: ask for a snapshot first (`timesale snapshot`), and the copy holds everything \
            that was acknowledged before that. To restore, give the copy its place and start.
            """)

    @OptionGroup var argument: DirectoryArgument

    @Argument(help: ArgumentHelp("Where the copy goes: an empty directory, or one to be made.", valueName: "copy"))
    var copy: String

    func run() throws {
        let source = try argument.open()
        let manager = FileManager.default
        if let found = try? manager.contentsOfDirectory(atPath: copy), !found.isEmpty {
            throw Refusal("\(copy) is not empty: a copy gets a directory of its own")
        }
        do {
            let target = try DirectoryStorage.openDirectory(path: copy, create: true)
            let manifest = try Backup.make(from: source, to: target)
            let base = manifest.newestBase
            print("sequence \(base.sequence), digest \(hexadecimal(base.digest)), in \(copy)")
        } catch {
            throw Refusal("\(error)")
        }
    }
}
