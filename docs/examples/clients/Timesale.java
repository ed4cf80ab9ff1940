// timesale over HTTP, with nothing but the JDK (17 or newer).
//
//     java Timesale.java BASE SALE USER QUANTITY KEY [TRIES [PATIENCE]]
//
// orders, prints the answer and exits with 0; 1: refused; 2: not done; 3: the outcome is not known.

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public final class Timesale {
    /** The answer is no. Not certain: an attempt before it may still be on its way, and be carried out after it. */
    public static final class Refused extends Exception {
        public final int status;
        public final String code;
        public final boolean certain;

        Refused(int status, String problem, boolean certain) {
            super(field(problem, "code") + ": " + field(problem, "detail"));
            this.status = status;
            this.code = field(problem, "code");
            this.certain = certain;
        }
    }

    /** No attempt was carried out. Try again later, or leave it. */
    public static final class NotDone extends Exception {
        NotDone(String reason) { super(reason); }
    }

    /** It may have been carried out. Only the same request with the same key can tell: go on with them later. */
    public static final class OutcomeUnknown extends Exception {
        OutcomeUnknown(String reason) { super(reason); }
    }

    private static final Duration PAUSE = Duration.ofMillis(100), PAUSE_MAX = Duration.ofSeconds(3);
    private final String base, token;
    private final int tries;
    private final Duration patience;
    private final HttpClient http;

    /** A try may take a quarter of the patience. Pauses are drawn from 0 up to a bound that doubles. */
    public Timesale(String base, String token, int tries, Duration patience) {
        this.base = base.replaceFirst("/$", "");
        this.token = token;
        this.tries = tries;
        this.patience = patience;
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(patience.dividedBy(4)).build();
    }

    /** The order as JSON, for the library that you read JSON with. */
    public String order(String sale, String user, int quantity, String key)
            throws Refused, NotDone, OutcomeUnknown, InterruptedException {
        String body = "{\"userId\": \"" + user + "\", \"quantity\": " + quantity + "}";
        return call("POST", "/v1/timesales/" + sale + "/orders", body, key);
    }

    /** Idempotent by nature; with a key the server can also say that a retry is safe. */
    public String confirm(String order) throws Refused, NotDone, OutcomeUnknown, InterruptedException {
        return call("POST", "/v1/orders/" + order + "/confirm", "{}", order);
    }

    /** Sends one request until it is decided, always with the same key, but not beyond the tries and the patience. */
    public String call(String method, String path, String body, String key)
            throws Refused, NotDone, OutcomeUnknown, InterruptedException {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + path)).timeout(patience.dividedBy(4));
        if (body == null) builder.method(method, HttpRequest.BodyPublishers.noBody());
        else builder.header("Content-Type", "application/json").method(method, HttpRequest.BodyPublishers.ofString(body));
        if (key != null) builder.header("Idempotency-Key", key);
        if (token != null) builder.header("Authorization", "Bearer " + token);
        HttpRequest request = builder.build();
        long end = System.nanoTime() + patience.toNanos();
        boolean certain = true;
        String reason = "";
        for (int number = 0; number < tries; number++) {
            long wait = 0;
            try {
                HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
                int status = response.statusCode();
                String answer = response.body(), code = field(answer, "code");
                boolean isJson = response.headers().firstValue("Content-Type").orElse("").contains("json");
                if (status >= 200 && status < 300 && isJson) return answer;
                reason = status + " " + code;
                // An answer without a code is not of timesale: a proxy does not know what happened behind it.
                boolean decided = code == null ? status >= 400 && status < 500 : !code.equals("OUTCOME_UNKNOWN");
                certain &= decided;
                String retryable = field(answer, "retryable");
                if (retryable == null ? !Set.of(429, 502, 503, 504).contains(status) : retryable.equals("false")) {
                    if (decided) throw new Refused(status, answer, certain);
                    break;
                }
                wait = nanos(response.headers().firstValue("Retry-After").orElse("0"));
            } catch (IOException fault) {
                reason = fault.toString();
                certain &= fault instanceof ConnectException || fault instanceof HttpConnectTimeoutException;
            }
            long bound = Math.min(PAUSE_MAX.toNanos(), PAUSE.toNanos() << Math.min(number, 20));
            wait += ThreadLocalRandom.current().nextLong(bound);
            if (number + 1 == tries || System.nanoTime() + wait - end > 0) break;
            Thread.sleep(Duration.ofNanos(wait).toMillis() + 1);
        }
        if (certain) throw new NotDone(reason);
        throw new OutcomeUnknown(reason);
    }

    /** A top-level text, number or boolean of a problem, without a JSON library; null if there is none. */
    private static String field(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([a-z0-9.]+))").matcher(json);
        if (!found.find()) return null;
        return found.group(1) != null ? found.group(1) : found.group(2);
    }

    /** Seconds, or a date (RFC 9110, 10.2.3). */
    private static long nanos(String retryAfter) {
        try {
            if (retryAfter.matches("\\d{1,9}")) return Duration.ofSeconds(Long.parseLong(retryAfter)).toNanos();
            Instant date = ZonedDateTime.parse(retryAfter, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
            return Math.max(0, Duration.between(Instant.now(), date).toNanos());
        } catch (DateTimeParseException fault) {
            return 0;
        }
    }

    /** Numbers below 2^64 and UUIDs are user ids; any other key of a shop becomes a UUID of version 5. */
    public static String userId(String key) {
        if (key.matches("\\d{1,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")) return key;
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            UUID urls = UUID.fromString("6ba7b811-9dad-11d1-80b4-00c04fd430c8"); // RFC 9562: the namespace of URLs
            sha1.update(ByteBuffer.allocate(16).putLong(urls.getMostSignificantBits())
                .putLong(urls.getLeastSignificantBits()).array());
            ByteBuffer hash = ByteBuffer.wrap(
                sha1.digest(("https://shop.example/users/" + key).getBytes(StandardCharsets.UTF_8)));
            return new UUID(
                hash.getLong() & 0xffff_ffff_ffff_0fffL | 0x5000, hash.getLong() & (-1L >>> 2) | 1L << 63).toString();
        } catch (GeneralSecurityException fault) {
            throw new IllegalStateException(fault);
        }
    }

    public static void main(String[] words) throws InterruptedException {
        int tries = words.length > 5 ? Integer.parseInt(words[5]) : 8;
        double patience = words.length > 6 ? Double.parseDouble(words[6]) : 20;
        Timesale shop = new Timesale(words[0], null, tries, Duration.ofMillis((long) (patience * 1000)));
        try {
            System.out.println(shop.order(words[1], userId(words[2]), Integer.parseInt(words[3]), words[4]));
        } catch (Refused | NotDone | OutcomeUnknown outcome) {
            System.err.println(outcome.getClass().getSimpleName() + ": " + outcome.getMessage());
            System.exit(outcome instanceof Refused ? 1 : outcome instanceof NotDone ? 2 : 3);
        }
    }
}
