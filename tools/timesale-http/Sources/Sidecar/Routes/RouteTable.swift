/// Every operation of the API.
enum RouteTable {
    static let routes: [Route] =
        SaleRoutes.routes + OrderRoutes.routes + BatchRoutes.routes + EventRoutes.routes + LiveRoutes.routes
        + PolicyRoutes.routes + DashboardRoutes.routes
        + CouponRoutes.routes + PointRoutes.routes + CheckoutRoutes.routes + StatsRoutes.routes
        + OperationRoutes.routes + MetricsRoutes.routes
}
