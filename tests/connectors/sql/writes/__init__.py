"""Tests of writes, on every engine that can write."""
