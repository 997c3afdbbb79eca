// Every test runs several processes, and waits a good deal for them: two at a time keep two cores busy.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
