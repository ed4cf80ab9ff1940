/// An order in PostgreSQL, equal in meaning to timesale's: the id remembered, the window, the limit of a user, the
/// stock; the codes are those of timesale.
public enum PostgreSQLFunctions {
    /// `place` decides on one order. The row of the sale comes last, since whoever has it keeps all others waiting
    /// until the commit is on the disk; what was taken before in vain is given back, which costs nothing where all goes
    /// well.
    ///
    /// `place_many` decides on a batch in three statements if all of it can be accepted, and else one after the other.
    /// Users are taken in order, so that two batches do not wait for each other.
    public static let schema = """
        CREATE TABLE sale (
            id bigint PRIMARY KEY, available bigint NOT NULL CHECK (available >= 0), starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL, per_user_limit integer NOT NULL
        ) WITH (fillfactor = 10);
        CREATE TABLE buyer (
            sale_id bigint, user_id uuid, units bigint NOT NULL, PRIMARY KEY (user_id, sale_id)
        ) WITH (fillfactor = 80);
        CREATE TABLE orders (
            id uuid PRIMARY KEY, user_id uuid NOT NULL, sale_id bigint NOT NULL, quantity integer NOT NULL
        );

        CREATE FUNCTION place(the_order uuid, the_user uuid, the_sale bigint, wanted integer) RETURNS integer
        LANGUAGE plpgsql AS $$
        DECLARE
            code integer;
        BEGIN
            INSERT INTO orders VALUES (the_order, the_user, the_sale, wanted) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT CASE WHEN user_id = the_user AND sale_id = the_sale AND quantity = wanted THEN 0 ELSE 21 END
                    INTO code FROM orders WHERE id = the_order;
                RETURN code;
            END IF;
            INSERT INTO buyer AS b
                SELECT id, the_user, wanted FROM sale
                    WHERE id = the_sale AND now() >= starts_at AND now() < ends_at
                        AND (per_user_limit = 0 OR wanted <= per_user_limit)
                ON CONFLICT (user_id, sale_id) DO UPDATE SET units = b.units + wanted
                    WHERE (SELECT per_user_limit = 0 OR b.units + wanted <= per_user_limit
                        FROM sale WHERE id = the_sale);
            IF FOUND THEN
                PERFORM pg_advisory_xact_lock(the_sale);
                UPDATE sale SET available = available - wanted
                    WHERE id = the_sale AND available >= wanted AND now() >= starts_at AND now() < ends_at;
                IF FOUND THEN
                    RETURN 0;
                END IF;
                UPDATE buyer SET units = units - wanted WHERE user_id = the_user AND sale_id = the_sale;
                code := 32;
            ELSE
                code := 33;
            END IF;
            DELETE FROM orders WHERE id = the_order;
            RETURN coalesce(
                (SELECT CASE WHEN now() < starts_at THEN 34 WHEN now() >= ends_at THEN 35 ELSE code END
                    FROM sale WHERE id = the_sale), 22);
        END $$;

        CREATE FUNCTION place_many(ids uuid[], users uuid[], the_sale bigint, quantities integer[]) RETURNS integer[]
        LANGUAGE plpgsql AS $$
        DECLARE
            codes integer[];
            counted bigint;
            buyers bigint;
            wanted bigint;
        BEGIN
            BEGIN
                INSERT INTO orders SELECT i, u, the_sale, q FROM unnest(ids, users, quantities) AS t (i, u, q)
                    ON CONFLICT DO NOTHING;
                GET DIAGNOSTICS counted = ROW_COUNT;
                IF counted < cardinality(ids) THEN
                    RAISE SQLSTATE 'TS001';
                END IF;
                SELECT count(DISTINCT u), sum(q) INTO buyers, wanted FROM unnest(users, quantities) AS t (u, q);
                INSERT INTO buyer AS b
                    SELECT s.id, t.u, t.q
                        FROM sale s, (SELECT u, sum(q) AS q FROM unnest(users, quantities) AS p (u, q) GROUP BY u) AS t
                        WHERE s.id = the_sale AND (s.per_user_limit = 0 OR t.q <= s.per_user_limit)
                        ORDER BY t.u
                    ON CONFLICT (user_id, sale_id) DO UPDATE SET units = b.units + excluded.units
                        WHERE (SELECT per_user_limit = 0 OR b.units + excluded.units <= per_user_limit
                            FROM sale WHERE id = the_sale);
                GET DIAGNOSTICS counted = ROW_COUNT;
                IF counted < buyers THEN
                    RAISE SQLSTATE 'TS001';
                END IF;
                PERFORM pg_advisory_xact_lock(the_sale);
                UPDATE sale SET available = available - wanted
                    WHERE id = the_sale AND available >= wanted AND now() >= starts_at AND now() < ends_at;
                IF NOT FOUND THEN
                    RAISE SQLSTATE 'TS001';
                END IF;
                RETURN array_fill(0, ARRAY[cardinality(ids)]);
            EXCEPTION WHEN SQLSTATE 'TS001' THEN
                NULL;
            END;
            INSERT INTO buyer AS b
                SELECT the_sale, u, 0 FROM (SELECT DISTINCT u FROM unnest(users) AS p (u)) AS t ORDER BY u
                ON CONFLICT (user_id, sale_id) DO UPDATE SET units = b.units;
            FOR i IN 1 .. cardinality(ids) LOOP
                codes[i] := place(ids[i], users[i], the_sale, quantities[i]);
            END LOOP;
            RETURN codes;
        END $$;
        """

    public static let callForOne = "SELECT place($1::uuid, $2::uuid, $3::bigint, $4::integer)"
    public static let callForMany = "SELECT place_many($1::uuid[], $2::uuid[], $3::bigint, $4::integer[])"
}
