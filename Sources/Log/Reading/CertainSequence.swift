extension LogReader {
    /// The highest sequence up to which every block of all logs is certainly there, although some of them cannot be
    /// read behind `damagedAfter`, the lowest sequence of a last block before a damage.
    ///
    /// The block that cannot be read has a sequence above that, and none that another block has. So the first
    /// sequence that no block has may be its own. (It need not be: a crash leaves sequences unused. Then less than
    /// there is counts as certain.) What a repair has removed is not missing.
    public static func certainSequence(
        _ directory: LogDirectory, manifest: Manifest, base: Manifest.Base, damagedAfter: UInt64
    ) throws(RecoveryFault) -> UInt64 {
        var later: Set<UInt64> = []
        for shard in manifest.logs.indices {
            var start = base.starts[shard]
            var lastSequence = base.sequence
            while true {
                var reader = try LogReader(
                    directory, manifest: manifest, shard: shard, start: start, lastSequence: lastSequence)
                while let block = try reader.next() {
                    if block.header.sequence > damagedAfter { later.insert(block.header.sequence) }
                }
                // What follows a damage is there as well.
                guard case .damaged = try reader.endOfBlocks(), let next = try reader.resumption() else { break }
                (start, lastSequence) = (next.start, next.sequence - 1)
            }
        }
        var certain = damagedAfter
        while later.contains(certain + 1) || manifest.removal(of: certain + 1) != nil { certain += 1 }
        return certain
    }
}
