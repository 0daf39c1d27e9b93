"""What is not collected: the third party's own tests, which need its package installed."""

collect_ignore = ["third_party"]
