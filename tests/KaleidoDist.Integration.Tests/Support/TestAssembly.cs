// Every test runs several processes on all cores: one at a time, but for those that mostly wait, which have collections of their own.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
