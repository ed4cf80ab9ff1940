/// The scripts by which every write compares and sets. They go with each write as text (`EVAL`): Redis keeps them
/// compiled, and no node has to have been told of them before.
///
/// A writer whose (epoch, seq) is lower than that of the key changes nothing. So the commands of a connection that was
/// given up, which Redis may come to after those of the next one, do no harm; neither does a server that was
/// thought dead.
public enum MirrorScripts {
    /// What begins each: whether KEYS[1] has a later (epoch, seq) than ARGV[1], ARGV[2]. A key of another type is not
    /// ours, and in our way.
    private static let compare = """
        local kind = redis.call('TYPE', KEYS[1]).ok
        if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
        local old = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
        local epoch, seq = tonumber(ARGV[1]), tonumber(ARGV[2])
        local oldEpoch, oldSeq = tonumber(old[1] or '') or -1, tonumber(old[2] or '') or -1
        local isStale = oldEpoch > epoch or (oldEpoch == epoch and oldSeq > seq)

        """

    /// KEYS: a hash, and a plain number if there is one. ARGV: epoch, seq, the number, then fields and values.
    /// Answers 1, or 0 if it was stale.
    public static let write =
        compare + """
            if isStale then return 0 end
            redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], unpack(ARGV, 4))
            if KEYS[2] then redis.call('SET', KEYS[2], ARGV[3]) end
            return 1
            """

    /// KEYS as for `write`, ARGV: epoch, seq. An offer that has left: only its mark stays for a while, so that a late
    /// write does not bring it back.
    public static let remove =
        compare + """
            if isStale then return 0 end
            redis.call('DEL', unpack(KEYS))
            redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], 'state', 'retired')
            redis.call('EXPIRE', KEYS[1], 3600)
            return 1
            """

    /// KEYS: the position. ARGV: epoch, seq, then those that should be there (empty: none), then fields and values.
    /// Answers 1, or 2 if others were there and so nothing was written, or 0 if it was stale; and the two that were
    /// there.
    public static let position =
        compare + """
            local found = {old[1] or '', old[2] or ''}
            if isStale then return {0, found[1], found[2]} end
            if found[1] ~= ARGV[3] or found[2] ~= ARGV[4] then return {2, found[1], found[2]} end
            redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], unpack(ARGV, 5))
            return {1, found[1], found[2]}
            """

    /// KEYS: the stream. Answers the id of its last entry, also if that has been trimmed; empty if there is no
    /// stream. A key of another type is in our way.
    public static let lastOfStream =
        lookAtStream + """
            return last
            """

    private static let lookAtStream = """
        local kind = redis.call('TYPE', KEYS[1]).ok
        if kind ~= 'stream' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
        local last = ''
        if kind == 'stream' then
            local info = redis.call('XINFO', 'STREAM', KEYS[1])
            for i = 1, #info, 2 do
                if info[i] == 'last-generated-id' then last = info[i + 1] end
            end
        end

        """

    /// KEYS: the stream. ARGV: how many entries it keeps, the id of its last entry, then for each entry the number of
    /// its fields and values, its id, and these. Answers 1, or 0 if the last entry is another one; then nothing is
    /// done.
    public static let append =
        lookAtStream + """
            if last ~= ARGV[2] then return 0 end
            local at = 3
            while at <= #ARGV do
                local count = tonumber(ARGV[at])
                redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], unpack(ARGV, at + 1, at + 1 + count))
                at = at + 2 + count
            end
            return 1
            """

    /// `write` of a mirror that is never stale: what the planted bug uses.
    public static let writeAlways = write.split(separator: "\n", omittingEmptySubsequences: false)
        .filter { !$0.hasPrefix("if isStale") }.joined(separator: "\n")
}
