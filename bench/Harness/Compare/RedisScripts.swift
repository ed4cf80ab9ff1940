/// An order in Lua, equal in meaning to timesale's: the id remembered, the window, the limit of a user, the stock; the
/// codes are those of timesale. With as few commands as that takes, since each costs more than everything around it.
/// The caller's clock counts, which spares Redis the command that reads its own.
public enum RedisScripts {
    /// What is taken in vain is given back: the script runs alone, so nobody sees it, and who is accepted - the path
    /// that is measured - pays for four commands and no more.
    public static let order = """
        -- KEYS: the sale, the units of its users, all orders. ARGV: now in ms, the order, its user, its quantity.
        local order = ARGV[3] .. ARGV[4] .. KEYS[1]
        if redis.call('HSETNX', KEYS[3], ARGV[2], order) == 0 then
            return redis.call('HGET', KEYS[3], ARGV[2]) == order and 0 or 21
        end
        local sale = redis.call('HMGET', KEYS[1], 'starts', 'ends', 'limit')
        local now = tonumber(ARGV[1])
        local code
        if not sale[1] then
            code = 22
        elseif now < tonumber(sale[1]) then
            code = 34
        elseif now >= tonumber(sale[2]) then
            code = 35
        else
            local limit = tonumber(sale[3])
            if redis.call('HINCRBY', KEYS[2], ARGV[3], ARGV[4]) > limit and limit > 0 then
                code = 33
            elseif redis.call('HINCRBY', KEYS[1], 'available', '-' .. ARGV[4]) >= 0 then
                return 0
            else
                redis.call('HINCRBY', KEYS[1], 'available', ARGV[4])
                code = 32
            end
            redis.call('HINCRBY', KEYS[2], ARGV[3], '-' .. ARGV[4])
        end
        redis.call('HDEL', KEYS[3], ARGV[2])
        return code
        """

    /// The same for many orders of one sale, one after the other, in six commands: what a loop over the script above
    /// would ask Redis for hundreds of times is asked once for all.
    public static let batch = """
        -- KEYS as above. ARGV: now in ms, all orders, all users, all quantities.
        local n = (#ARGV - 1) / 3
        local known = redis.call('HMGET', KEYS[3], unpack(ARGV, 2, n + 1))
        local units = redis.call('HMGET', KEYS[2], unpack(ARGV, n + 2, 2 * n + 1))
        local sale = redis.call('HMGET', KEYS[1], 'starts', 'ends', 'limit', 'available')
        local now = tonumber(ARGV[1])
        local refusal
        if not sale[1] then
            refusal = 22
        elseif now < tonumber(sale[1]) then
            refusal = 34
        elseif now >= tonumber(sale[2]) then
            refusal = 35
        end
        local limit, available = tonumber(sale[3] or 0), tonumber(sale[4] or 0)
        local codes, orders, users, added, has, taken, place = {}, {}, {}, {}, {}, 0, 0
        for i = 1, n do
            local id, user, quantity = ARGV[i + 1], ARGV[i + n + 1], ARGV[i + 2 * n + 1]
            local order = user .. quantity .. KEYS[1]
            local before = known[i] or added[id]
            if before then
                codes[i] = before == order and 0 or 21
            elseif refusal then
                codes[i] = refusal
            else
                local wanted = tonumber(quantity)
                local after = (has[user] or tonumber(units[i] or 0)) + wanted
                if limit > 0 and after > limit then
                    codes[i] = 33
                elseif taken + wanted > available then
                    codes[i] = 32
                else
                    taken, has[user], added[id] = taken + wanted, after, order
                    orders[place + 1], orders[place + 2] = id, order
                    users[place + 1], users[place + 2] = user, after
                    place = place + 2
                    codes[i] = 0
                end
            end
        end
        if taken > 0 then
            redis.call('HSET', KEYS[3], unpack(orders))
            redis.call('HSET', KEYS[2], unpack(users))
            redis.call('HINCRBY', KEYS[1], 'available', -taken)
        end
        return codes
        """
}
