// Every test runs several processes on all cores: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
