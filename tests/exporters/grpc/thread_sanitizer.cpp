// For builds with the thread sanitizer; elsewhere nobody calls these. An installed gRPC is not
// built with it, so that the sanitizer does not see how gRPC hands objects from thread to thread
// and takes every such object for a race. What Azimuth's own threads share behind gRPC is the feed,
// which observation_feed_test tests without gRPC and without suppressions.

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

extern "C" const char* __tsan_default_suppressions() {
  return "race:grpc::\n"
         "race:grpc_core::\n"
         "race:libgrpc\n"
         "race:libgpr\n"
         "race:absl::\n";
}
