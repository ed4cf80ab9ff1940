/// Every operation of the API.
enum RouteTable {
    static let routes: [Route] =
        SaleRoutes.routes + OrderRoutes.routes + BatchRoutes.routes + EventRoutes.routes + PolicyRoutes.routes
        + CouponRoutes.routes + PointRoutes.routes + CheckoutRoutes.routes + StatsRoutes.routes
        + OperationRoutes.routes
}
