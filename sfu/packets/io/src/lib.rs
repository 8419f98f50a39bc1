//! Sockets, segmentation offload, worker threads and timers; knows no RTP field.
