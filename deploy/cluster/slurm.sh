#!/bin/bash
# A batch on Slurm: sbatch deploy/cluster/slurm.sh INPUT OUTPUT; sent again, it goes on where it was stopped.
#SBATCH --job-name=matting-batch
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail
input=$1 output=$2
export RAY_USAGE_STATS_ENABLED=0

nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${nodes[0]}
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | cut -d' ' -f1)

srun --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --block --node-ip-address="$address" --port=6379 --num-cpus="$SLURM_CPUS_PER_TASK" &
sleep 20
if ((SLURM_NNODES > 1)); then
    srun --nodes=$((SLURM_NNODES - 1)) --ntasks=$((SLURM_NNODES - 1)) --exclude="$head" \
        ray start --block --address="$address:6379" --num-cpus="$SLURM_CPUS_PER_TASK" &
    sleep 20
fi

matting batch --ray_address "$address:6379" --input "$input" --output "$output" --cpus 4
