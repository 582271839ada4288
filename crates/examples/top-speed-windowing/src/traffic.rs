use crate::reading::Reading;

/// Cars that drive on, each second a little faster or slower.
#[derive(Clone)]
pub(crate) struct Traffic {
    cars: Vec<Car>,
}

#[derive(Clone)]
struct Car {
    km_per_hour: u32,
    meters: f64,
}

impl Traffic {
    /// Cars at 50 km/h.
    pub(crate) fn new(cars: usize) -> Self {
        Self { cars: vec![Car { km_per_hour: 50, meters: 0.0 }; cars] }
    }

    /// The reading number `tick`: cars take turns, and after each turn a second has passed.
    pub(crate) fn reading(&mut self, tick: u64) -> Reading {
        let cars = self.cars.len() as u64;
        let (car, second) = (tick % cars, tick / cars + 1);
        let Car { km_per_hour, meters } = &mut self.cars[car as usize];
        // Looks like chance, but is the same in each run.
        let is_faster = flott::mix(tick) >> 63 == 1;
        *km_per_hour = if is_faster { (*km_per_hour + 5).min(100) } else { km_per_hour.saturating_sub(5) };
        *meters += f64::from(*km_per_hour) / 3.6;
        Reading {
            car: car as u32,
            km_per_hour: *km_per_hour,
            meters: *meters,
            time_ms: second as i64 * 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cars_stay_between_0_and_100_and_change_by_5_each_second() {
        let mut traffic = Traffic::new(3);
        let mut last = [(50, 0.0); 3];
        for tick in 0..3_000 {
            let Reading { car, km_per_hour, meters, time_ms } = traffic.reading(tick);
            assert_eq!((u64::from(car), time_ms), (tick % 3, (tick / 3 + 1) as i64 * 1_000));
            let (speed_before, meters_before) = last[car as usize];
            assert!(km_per_hour <= 100 && km_per_hour.abs_diff(speed_before) <= 5);
            assert_eq!(meters, meters_before + f64::from(km_per_hour) / 3.6);
            last[car as usize] = (km_per_hour, meters);
        }
    }
}
