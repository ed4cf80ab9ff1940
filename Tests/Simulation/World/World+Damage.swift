import Log
import SimulatedStorage

// Damage to what had been durable: a disk that decays, loses a write that it had acknowledged, or writes to the wrong
// place. No start may take it for the trace of a crash. Promise 11.

/// A stretch of a segment that says something else than what was written there.
struct Damage {
    var file: String
    var offset: Int
    /// What stood there.
    var before: [UInt8]
    /// How long the file was, if the stretch goes beyond its end.
    var grownFromBytes: Int?
    var words: String
}

extension World {
    /// Spoils one block that a later block says to be durable. As many last blocks as writes may be in flight have no
    /// such witness yet; of these a start cannot know (docs/log-format.md). The witness has to be durable
    /// itself, or it may be lost with the power before a start has seen it.
    func damageLog() {
        guard !isCalm, damage == nil, faultDice.chance(scenario.damagePerMille), let manifest = manifest() else {
            return
        }
        let disk = storage.durableCopy()
        let logs = manifest.logs.indices.map { blocks(manifest, shard: $0, on: disk) }
        // One write that goes wrong may spoil as much as the longest block holds. The witness has to be behind that,
        // and of all of it: a start on a newer base may not read the first of what is spoiled.
        let reach = longest(logs)
        let victims = logs.flatMap { blocks in
            blocks.filter { victim in
                let end = victim.offset + reach
                let last = blocks.last { $0.file == victim.file && $0.offset < end } ?? victim
                let witness = blocks.last { $0.file != victim.file || $0.offset >= end }
                return witness.map { $0.header.durableLsn >= last.header.firstLsn } ?? false
            }
        }
        if victims.isEmpty { return }
        let victim = faultDice.pick(victims)
        let length = victim.header.lengthBytes
        guard let content = storage.contents(victim.file) else { return }
        let bytes: [UInt8]
        let words: String
        switch faultDice.below(4) {
        case 0:
            let bit = faultDice.below(length * 8)
            var spoiled = Array(content[victim.offset..<(victim.offset + length)])
            spoiled[bit / 8] ^= 1 << UInt8(bit % 8)
            (bytes, words) = (spoiled, "flips a bit")
        case 1: (bytes, words) = (Array(repeating: 0, count: length), "loses the write")
        case 2:
            let sector = faultDice.below(length / 512)
            var spoiled = Array(content[victim.offset..<(victim.offset + length)])
            for place in (sector * 512)..<(sector * 512 + 512) { spoiled[place] = 0 }
            (bytes, words) = (spoiled, "loses a sector")
        default:
            let other = faultDice.pick(logs.flatMap { $0 })
            let end = other.offset + other.header.lengthBytes
            (bytes, words) = (Array(disk.contents(other.file)![other.offset..<end]), "writes another block over it")
        }
        let end = min(content.count, victim.offset + bytes.count)
        damage = Damage(
            file: victim.file, offset: victim.offset, before: Array(content[victim.offset..<end]),
            grownFromBytes: victim.offset + bytes.count > content.count ? content.count : nil, words: words)
        trace.note(24, UInt64(victim.offset), "the disk \(words): \(victim.file) at \(victim.offset)")
        storage.overwrite(victim.file, at: victim.offset, bytes)
    }

    private func longest(_ logs: [[PlacedBlock]]) -> Int {
        logs.joined().map(\.header.lengthBytes).max() ?? 0
    }

    private typealias PlacedBlock = (file: String, offset: Int, header: BlockHeader)

    /// The whole blocks of a log behind the oldest base, one after the other.
    private func blocks(_ manifest: Manifest, shard: Int, on disk: SimulatedStorage) -> [PlacedBlock] {
        var found: [PlacedBlock] = []
        var segment = manifest.bases[0].starts[shard].segment
        var offset = manifest.bases[0].starts[shard].offsetBytes
        while let content = disk.contents(LogFiles.segment(log: manifest.logs[shard], number: segment)) {
            content.withUnsafeBytes { bytes in
                while offset + BlockHeader.sizeBytes <= bytes.count {
                    let place = bytes.baseAddress! + offset
                    guard BlockHeader.isIntact(place) else { break }
                    let header = BlockHeader(place)
                    guard header.segment == segment, header.logId == manifest.logs[shard],
                        header.generation == manifest.generation, offset + header.lengthBytes <= bytes.count,
                        header.bodyIsIntact(place)
                    else { break }
                    found.append((LogFiles.segment(log: header.logId, number: segment), offset, header))
                    offset += header.lengthBytes
                }
            }
            segment += 1
            offset = 0
        }
        return found
    }

    /// All files as the disk has them.
    func directoryImage() throws(Violation) -> [String: [UInt8]] {
        let disk = try uncachedCopy()
        return Dictionary(uniqueKeysWithValues: disk.fileNames.map { ($0, disk.contents($0)!) })
    }

    /// The directory without what is cached of it.
    func uncachedCopy() throws(Violation) -> SimulatedStorage {
        let disk = storage.copy()
        do { try disk.dropCaches() } catch { throw Violation(0, "the copy of a disk fails: \(error)") }
        return disk
    }

    /// Whether a start was refused for the damage that there is. It must say where it is, and have changed nothing.
    func isDamageFound(_ error: RecoveryFault, _ before: [String: [UInt8]]) throws(Violation) -> Bool {
        guard let damage, error.kind == .damage else { return false }
        // A block that should begin a segment is looked for behind the last one of the segment before, too.
        let isNamed = error.file == damage.file || damage.offset == 0 && error.file < damage.file
        guard isNamed, let offset = error.offset else {
            throw Violation(
                11, "the disk \(damage.words): \(damage.file) at \(damage.offset); the start says: \(error)")
        }
        trace.note(25, UInt64(offset), "the start refuses: \(error)")
        guard try directoryImage() == before else {
            throw Violation(11, "a start that refused has changed the directory")
        }
        coverage[.damagesRefused] += 1
        mend()
        return true
    }

    /// A start has gone through: what comes of it is compared with the log as ever.
    func damageWasHarmless() {
        guard damage != nil else { return }
        coverage[.damagesHarmless] += 1
        mend()
    }

    private func mend() {
        guard let damage else { return }
        if storage.fileNames.contains(damage.file) {
            storage.overwrite(damage.file, at: damage.offset, damage.before)
            if let sizeBytes = damage.grownFromBytes { storage.truncate(damage.file, to: sizeBytes) }
        }
        self.damage = nil
    }
}
