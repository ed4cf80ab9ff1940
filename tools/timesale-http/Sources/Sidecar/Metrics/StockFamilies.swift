import TimesaleClient

/// The stock of the newest sales and policies that are open or sold out. Never more than `--metrics-sales` of each:
/// every one is a series for as long as Prometheus keeps it.
enum StockFamilies {
    static let all: [ReadFamily<EngineScrape>] = [
        ReadFamily(
            MetricFamily(
                "timesale_sale_info", .gauge, "Always 1; the labels tell the sale's name.", labels: ["sale", "name"])
        ) { scrape in scrape.sales.values.map { Sample([$0.id.description, $0.name], UInt64(1)) } },
        sale("stock_units", "Units ever put up for sale.", \.stock),
        sale("available_units", "Units that are durably free.", \.available),
        sale("held_units", "Units that are held.", \.held),
        sale("sold_units", "Units that are sold.", \.sold),
        ReadFamily(
            MetricFamily("timesale_sales_left_out", .gauge, "Further sales that are open or sold out, not shown here.")
        ) { [Sample([], $0.sales.leftOut)] },
        ReadFamily(
            MetricFamily(
                "timesale_policy_info", .gauge, "Always 1; the labels tell the policy's name.",
                labels: ["policy", "name"])
        ) { scrape in scrape.policies.values.map { Sample([$0.id.description, $0.name], UInt64(1)) } },
        policy("remaining_coupons", "Coupons that are left.", \.remaining),
        policy("issued_coupons", "Coupons that are issued.", \.issued),
        policy("used_coupons", "Coupons that are used.", \.used),
        ReadFamily(
            MetricFamily(
                "timesale_policies_left_out", .gauge, "Further policies that are open or exhausted, not shown here.")
        ) { [Sample([], $0.policies.leftOut)] },
    ]

    private static func sale(
        _ name: String, _ help: String, _ value: KeyPath<Sale, UInt64> & Sendable
    ) -> ReadFamily<EngineScrape> {
        ReadFamily(MetricFamily("timesale_sale_\(name)", .gauge, help, labels: ["sale"])) { scrape in
            scrape.sales.values.map { Sample([$0.id.description], $0[keyPath: value]) }
        }
    }

    private static func policy(
        _ name: String, _ help: String, _ value: KeyPath<Policy, UInt64> & Sendable
    ) -> ReadFamily<EngineScrape> {
        ReadFamily(MetricFamily("timesale_policy_\(name)", .gauge, help, labels: ["policy"])) { scrape in
            scrape.policies.values.map { Sample([$0.id.description], $0[keyPath: value]) }
        }
    }
}
