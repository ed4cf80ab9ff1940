/// Where commands go: one server, what sentinels name as the master, or a cluster. Used by one thread at a time.
public protocol RedisLink: AnyObject {
    /// Sends all commands in a pipeline, connecting first where there is no connection, and returns one reply each,
    /// in order. An error of Redis (`OOM`, `READONLY`, `WRONGTYPE`, `LOADING`, ...) is a reply, not a fault.
    ///
    /// Throws when it is not known what has become of the commands, or of some of them: the caller repeats whatever
    /// was in doubt. The connection is closed then, so that no reply of this call can be taken for one of the next.
    /// Nothing is sent twice by itself, but for what a node of a cluster has not done and passed on to another.
    ///
    /// - Parameter timeoutMs: for the whole call: connecting, all writes, all reads. Only the resolution of a host name
    ///   is not bounded by it; an IP address needs none.
    func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply]

    /// Closes all connections. The next `send` connects anew.
    func close()
}
